//! Keys: words that lock entities and open them.

use domain::Invalid;
use std::collections::BTreeSet;

/// Longest key, in characters.
const MAX_KEY_CHARS: usize = 40;
/// Keys of a class or a user, at most.
const MAX_KEYS: usize = 100;

/// The keys that somebody holds.
pub type Keyring = BTreeSet<String>;

/// Keys as they are stored: one space between them, each once. `may_revoke`: `-KEY` is allowed, as users have them.
pub(crate) fn tidy(keys: &str, may_revoke: bool) -> Result<String, Invalid> {
    let mut tidy: Vec<&str> = Vec::new();
    for key in keys.split_whitespace() {
        let name = if may_revoke { key.strip_prefix('-').unwrap_or(key) } else { key };
        check("keys", name)?;
        if !tidy.contains(&key) {
            tidy.push(key);
        }
    }
    if tidy.len() > MAX_KEYS {
        return Err(Invalid::new("keys", format!("must be {MAX_KEYS} at most")));
    }
    Ok(tidy.join(" "))
}

/// Refuses what cannot be one key.
pub(crate) fn check(field: &'static str, key: &str) -> Result<(), Invalid> {
    let fits = (1..=MAX_KEY_CHARS).contains(&key.chars().count());
    if !fits || key.starts_with('-') || key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let shown: String = key.chars().take(MAX_KEY_CHARS).collect();
        let problem =
            format!("{shown:?} is no key: 1 to {MAX_KEY_CHARS} characters without spaces, not beginning with -");
        return Err(Invalid::new(field, problem));
    }
    Ok(())
}

/// What a user holds: the keys of the class and those of the user, without those that are taken away.
pub(crate) fn keyring(class: &str, user: &str) -> Keyring {
    let (revoked, own): (Vec<&str>, Vec<&str>) = user.split_whitespace().partition(|key| key.starts_with('-'));
    let granted = class.split_whitespace().filter(|key| !revoked.iter().any(|gone| &gone[1..] == *key));
    granted.chain(own).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_what_the_class_grants_less_what_is_revoked_and_more_of_the_users_own() {
        let ring = |class, user| keyring(class, user).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(ring("A B", ""), "A B");
        assert_eq!(ring("A B", "C -B"), "A C");
        assert_eq!(ring("A", "-Z"), "A", "what the class lacks cannot be taken away");
        assert_eq!(ring("", ""), "");
    }

    #[test]
    fn keys_are_words() {
        assert_eq!(tidy("  A  B\tA ", false).unwrap(), "A B");
        assert_eq!(tidy("A -B", true).unwrap(), "A -B");
        assert_eq!(tidy("A -B", false).unwrap_err().field, "keys");
        assert!(tidy("--B", true).is_err() && tidy("-", true).is_err());
        assert!(tidy(&"k".repeat(41), true).is_err());
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        assert!(tidy(&many.join(" "), true).is_err());
    }
}
