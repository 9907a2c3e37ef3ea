//! Text in which upper and lower case are the same: names, domains, ids.
//!
//! Letter by letter, never by what stands around one. `str::to_lowercase` makes
//! a capital sigma another letter at the end of a word than within it, so that
//! a text would be equal to itself in one place and not in another.

/// The text in lower case.
pub fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether two texts are the same but for case.
pub fn same(one: &str, other: &str) -> bool {
    let letters = |text| str::chars(text).flat_map(char::to_lowercase);
    letters(one).eq(letters(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_letter_is_the_same_wherever_it_stands() {
        assert_eq!(lower("ΛΣ"), "λσ");
        assert!(same("ΛΣ", "λσ") && same("ΛΣ Relay", "λσ relay"));
        assert!(
            !same("λς", "λσ"),
            "what was written in lower case stays what it is"
        );
    }

    proptest! {
        #[test]
        fn what_is_the_same_has_one_form(one in "\\PC{0,8}", other in "\\PC{0,8}") {
            prop_assert_eq!(lower(&lower(&one)), lower(&one));
            prop_assert!(same(&one, &lower(&one)));
            prop_assert_eq!(same(&one, &other), lower(&one) == lower(&other));
            prop_assert_eq!(lower(&format!("{one}{other}")), lower(&one) + &lower(&other));
        }
    }
}
