/// The last second of the year 9999. An HTTP date has four digits for the year.
const LAST: u64 = 253_402_300_799;

/// Formats seconds since 1970 as an HTTP date, such as "Sun, 13 Sep 2020 12:26:40 GMT".
pub(crate) fn http_date(seconds: u64) -> Option<String> {
    if seconds > LAST {
        return None;
    }
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let (year, month, day) = date(days);
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][month];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    ))
}

/// Converts a number of days since 1970 to the year, the month (0 is January) and the day of the
/// month. Inside, a year begins in March, so that a leap day is the last day of its year.
fn date(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468; // since 1 March of the year 0
    let (era, day) = (days / 146_097, days % 146_097); // an era has 400 years
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let first = (153 * month + 2) / 5;
    let year = era * 400 + year + month / 10;
    (year, ((month + 2) % 12) as usize, day - first + 1)
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates() {
        for (seconds, want) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), // the example of RFC 9110
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_600_000_000, "Sun, 13 Sep 2020 12:26:40 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), // 2100 is not a leap year
            (super::LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(seconds).as_deref(), Some(want));
        }
        assert_eq!(http_date(super::LAST + 1), None);
        assert_eq!(http_date(u64::MAX), None);
    }
}
