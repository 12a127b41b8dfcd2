//! Conditional requests (RFC 9110, section 13).

use crate::serve::Request;

/// Reports whether the client's copy is the current file. Only the ETag decides. Dates do not: some
/// build tools give every file the same date.
pub(crate) fn not_modified(request: &Request<'_>, etag: Option<&str>) -> bool {
    let list = request.if_none_match.unwrap_or_default();
    list.trim() == "*" || etag.map_or(false, |etag| contains_tag(list, etag))
}

/// Reports whether a list of entity tags contains a tag, by weak comparison. It stops at a syntax
/// error in the list.
fn contains_tag(mut list: &str, etag: &str) -> bool {
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        list = list.strip_prefix("W/").unwrap_or(list);
        let end = match list.strip_prefix('"').and_then(|rest| rest.find('"')) {
            Some(end) => end + 2,
            None => return false,
        };
        let (tag, rest) = list.split_at(end);
        list = rest.trim_start_matches([' ', '\t']);
        if !(list.is_empty() || list.starts_with(',')) {
            return false;
        }
        if tag == etag {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::contains_tag;

    #[test]
    fn lists_of_entity_tags() {
        for list in [
            r#""a""#,
            r#"W/"a""#,
            r#""b", "a""#,
            r#""b" ,W/"a","c""#,
            r#", ,"a""#,
            r#""x,y", "a""#,
        ] {
            assert!(contains_tag(list, r#""a""#), "{list}");
        }
        for list in [
            "",
            "a",
            r#""a"#,
            r#"a""#,
            r#""b""#,
            r#"w/"a""#,
            r#""b" "a""#,
            r#"x "a""#,
            r#""A""#,
        ] {
            assert!(!contains_tag(list, r#""a""#), "{list}");
        }
    }
}
