package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// A namespace is stored as a log. Each write appends one record, and records never change. A
// crash can truncate the last record. Such a record has a wrong length or checksum, and is
// dropped when the log is opened. There is no fsync: the state survives a crash of this
// process, but not of the machine.
//
//	offset size
//	0      4    CRC-32C of the bytes from 4 up to the value
//	4      1    1 put, 2 delete
//	5      2    length of the key
//	7      2    length of the metadata
//	9      4    length of the value
//	13     8    expiration, seconds since 1970, 0 none
//	21     …    key, metadata, value
const recordHeader = 21

const (
	opPut    = 1
	opDelete = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry is the current value of a key. The value itself is in the log, at offset.
type Entry struct {
	offset     int64
	size       int
	metadata   []byte // JSON, or nil
	expiration int64
}

// appendRecord appends a record without its value to buf.
func appendRecord(buf []byte, op byte, key string, e *Entry) []byte {
	start := len(buf)
	buf = append(buf, 0, 0, 0, 0, op)
	buf = binary.LittleEndian.AppendUint16(buf, uint16(len(key)))
	buf = binary.LittleEndian.AppendUint16(buf, uint16(len(e.metadata)))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(e.size))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(e.expiration))
	buf = append(buf, key...)
	buf = append(buf, e.metadata...)
	binary.LittleEndian.PutUint32(buf[start:], crc32.Checksum(buf[start+4:], castagnoli))
	return buf
}

// readLog reads the complete records of a log. It returns the existing keys, and the
// end of the last complete record.
func readLog(f *os.File) (keys map[string]*Entry, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size := info.Size()
	keys = map[string]*Entry{}
	var header [recordHeader]byte
	for end+recordHeader <= size {
		if _, err := f.ReadAt(header[:], end); err != nil {
			return nil, 0, err
		}
		keyLen := int64(binary.LittleEndian.Uint16(header[5:]))
		metaLen := int64(binary.LittleEndian.Uint16(header[7:]))
		valueLen := int64(binary.LittleEndian.Uint32(header[9:]))
		value := end + recordHeader + keyLen + metaLen
		if value+valueLen > size {
			break
		}
		names := make([]byte, keyLen+metaLen)
		if _, err := f.ReadAt(names, end+recordHeader); err != nil {
			return nil, 0, err
		}
		sum := crc32.Update(crc32.Checksum(header[4:], castagnoli), castagnoli, names)
		if sum != binary.LittleEndian.Uint32(header[:]) {
			break
		}
		key := string(names[:keyLen])
		if header[4] == opDelete {
			delete(keys, key)
		} else {
			e := &Entry{offset: value, size: int(valueLen), expiration: int64(binary.LittleEndian.Uint64(header[13:]))}
			if metaLen > 0 {
				e.metadata = names[keyLen:]
			}
			keys[key] = e
		}
		end = value + valueLen
	}
	return keys, end, nil
}

// compact rewrites a log if more than half of it is obsolete.
func compact(path string, f *os.File, keys map[string]*Entry, end int64) (*os.File, int64, error) {
	var live int64
	for key, e := range keys {
		live += int64(recordHeader + len(key) + len(e.metadata) + e.size)
	}
	if end < 1<<20 || live > end/2 {
		return f, end, nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "compact-*.tmp")
	if err != nil {
		return nil, 0, err
	}
	end = 0
	for key, e := range keys {
		record := appendRecord(nil, opPut, key, e)
		_, err := tmp.Write(record)
		if err == nil {
			_, err = io.Copy(tmp, io.NewSectionReader(f, e.offset, int64(e.size)))
		}
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("compact %s: %w", path, err), tmp.Close(), os.Remove(tmp.Name()))
		}
		e.offset = end + int64(len(record))
		end = e.offset + int64(e.size)
	}
	if err := errors.Join(os.Rename(tmp.Name(), path), f.Close()); err != nil {
		return nil, 0, err
	}
	return tmp, end, nil
}
