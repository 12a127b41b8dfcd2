package scripts

import (
	"net/http"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// check makes the checks of the API that do not depend on the script.
func (up *upload) check() *api.Error {
	m := &up.metadata
	if m.BodyPart != "" {
		return api.Failure(http.StatusBadRequest, 10021,
			"the local platform does not support service-worker syntax; upload a module (main_module)")
	}
	if apiErr := checkDate(m.Date); apiErr != nil {
		return apiErr
	}
	if apiErr := checkAnnotations(m.Annotations); apiErr != nil {
		return apiErr
	}
	size := 0
	for _, mod := range up.modules {
		size += mod.Size
	}
	if size > maxModules {
		return errTooLarge()
	}
	return up.checkMain()
}

// checkDate refuses a compatibility date that is not a date, or that is in the future in UTC.
func checkDate(date string) *api.Error {
	if date == "" {
		return nil
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10021, "the compatibility date %q is not YYYY-MM-DD", date)
	}
	if at.After(api.Now()) {
		return api.Failure(http.StatusBadRequest, 10021, "Can't set compatibility date in the future: %s", date)
	}
	return nil
}

// checkMain refuses an upload whose main module is missing or not code.
func (up *upload) checkMain() *api.Error {
	name := up.metadata.MainModule
	if name == "" {
		if len(up.modules) > 0 {
			return api.Failure(http.StatusBadRequest, 10021, "the metadata names no main_module")
		}
		return nil
	}
	main := up.module(name)
	if main == nil {
		return api.Failure(http.StatusBadRequest, 10021, "No such module %q: main_module must name a part of the upload",
			name)
	}
	if !slices.Contains([]ModuleKind{ESModule, Python}, main.Kind()) {
		return api.Failure(http.StatusBadRequest, 10021, "the main module %q must be an ES module", name)
	}
	return nil
}
