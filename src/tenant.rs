//! Tenants' local names, and patterns of them.

/// Whether a text can name a tenant.
pub fn is_tenant_name(text: &str) -> bool {
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    first
        && text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// How messages say what a tenant name is.
pub const TENANT_NAME_HELP: &str =
    "use small letters, digits and `-`, at most 63, beginning with a letter or digit";

/// Whether a tenant name matches a pattern in which `*` stands for any text.
///
/// Each piece between two `*` is taken where it first fits: a later place could
/// only leave less for the pieces behind it.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = name
        .strip_prefix(head)
        .and_then(|name| name.strip_suffix(tail))
    else {
        return false;
    };
    for piece in middle.split('*') {
        let Some((_, behind)) = left
            .split_once(piece)
            .or((piece.is_empty()).then_some(("", left)))
        else {
            return false;
        };
        left = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn patterns_of_tenant_names() {
        for (pattern, name, expected) in [
            ("eu-*", "eu-west", true),
            ("eu-*", "us-west", false),
            ("*", "anything", true),
            ("*-a-*-b", "x-a-y-b", true),
            ("*-a-*-b", "x-b-y-a", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("**", "", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!matches_pattern(
            "*a*a*a*a*a*a*a*a*a*a*a*a*b",
            &"a".repeat(63)
        ));
    }
}
