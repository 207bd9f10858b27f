//! Passwords: which are good enough, and their hashes.
//!
//! One is hashed or compared at a time, off the threads that serve requests: it costs 19 MiB and tens of milliseconds on
//! purpose. Who has to wait behind too many others is turned away.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use domain::Invalid;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// Longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Different characters that a password has, at least: `aaaaaaaaaaaa` is long and worth nothing.
const MIN_DIFFERENT: usize = 5;
/// Sign-ins that wait for their turn, at most.
const WAITING: usize = 32;
/// Those of the 30,000 commonest passwords that are long enough to get here; from the frequency list of zxcvbn (MIT).
const COMMON: &str = include_str!("common_passwords.txt");

/// Refuses a password that is too short or too easily guessed, under the name that the API gives the field.
pub fn check_password(field: &'static str, password: &str, login: &str) -> Result<(), Invalid> {
    let refuse = |problem: String| Err(Invalid::new(field, problem));
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return refuse(format!("must have at least {MIN_PASSWORD_CHARS} characters"));
    }
    if password.len() > MAX_PASSWORD_BYTES || password.chars().any(char::is_control) {
        return refuse(format!("must have at most {MAX_PASSWORD_BYTES} bytes and no control characters"));
    }
    let folded = password.to_lowercase();
    if folded.trim() == login {
        return refuse("must not be the login".into());
    }
    let mut different: Vec<char> = folded.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < MIN_DIFFERENT {
        return refuse(format!("must have at least {MIN_DIFFERENT} different characters"));
    }
    if COMMON.lines().any(|common| common == folded) {
        return refuse("is one of the commonest passwords: choose another".into());
    }
    Ok(())
}

/// Compared with when there is no such user, so that the answer takes as long. Random: no password has this hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dRiBOlRF7aupJl4TstHUNA$/7zBdW3cPIJVDtUaBWjwNwzKeF8m79PEBR9wbn+8tzQ";

/// Hashes and compares, one at a time.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let one = |places| Arc::new(Semaphore::new(places));
        Self { places: one(WAITING), turn: one(1) }
    }
}

/// A turn at hashing; the next one comes when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Passwords {
    /// Waits for a turn; `None`: too many wait already.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        Some(Turn { _place: place, _turn: turn })
    }
}

impl Turn {
    /// The hash of a password, as it is stored.
    pub(crate) async fn hash(&self, password: &str) -> String {
        let password = password.to_owned();
        blocking(move || hash(&password)).await
    }

    /// Whether `password` is the one that was hashed. Without a hash it takes as long and is `false`.
    pub(crate) async fn is_right(&self, password: &str, stored: Option<String>) -> bool {
        // What is longer was never taken for a password; its first part costs as much to compare.
        let is_possible = password.len() <= MAX_PASSWORD_BYTES;
        let password: Vec<u8> = password.bytes().take(MAX_PASSWORD_BYTES).collect();
        let is_right = blocking(move || {
            let is_known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
            let parsed = PasswordHash::new(&stored);
            parsed.is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok()) && is_known
        });
        is_right.await && is_possible
    }
}

/// argon2id with a salt of its own and the library's parameters, which are OWASP's: 19 MiB, two passes.
fn hash(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the parameters are in range, and the system gives random bytes").to_string()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("hashing does not panic, and the runtime outlives its callers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(password: &str) -> String {
        check_password("password", password, "ana.rossi@example")
            .map_or_else(|invalid| invalid.problem, |()| String::new())
    }

    #[test]
    fn a_password_that_is_easily_guessed_is_refused() {
        assert!(problem("elevenchars").contains("at least 12"));
        assert!(problem("Ana.Rossi@example").contains("login"));
        assert!(problem("abababababab").contains("different"));
        assert!(problem("1QAZ2wsx3edc").contains("commonest"));
        assert!(problem(&"long".repeat(80)).contains("at most 256"));
        assert!(problem("with\nline break in it").contains("control"));
        assert_eq!(problem("correct horse battery"), "");
        assert_eq!(problem("ñandú y güiro"), "");
    }

    #[tokio::test]
    async fn a_password_is_compared_with_its_salted_hash() {
        let passwords = Passwords::default();
        let turn = passwords.turn().await.unwrap();
        let (one, other) = (turn.hash("correct horse battery").await, turn.hash("correct horse battery").await);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != other, "{one}");
        assert!(turn.is_right("correct horse battery", Some(one.clone())).await);
        assert!(!turn.is_right("correct horse batterY", Some(one)).await);
        assert!(!turn.is_right("", None).await);
        // Who is nobody costs as much as somebody.
        let parameters = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters(NOBODY), parameters(&turn.hash("x").await));
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!turn.is_right("x", Some("no hash".into())).await);
    }

    #[tokio::test]
    async fn who_waits_behind_too_many_is_turned_away() {
        let passwords = Passwords::default();
        let held = passwords.turn().await.unwrap();
        let waiting: Vec<_> = (1..WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.turn().await.is_some() })
            })
            .collect();
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(passwords.turn().await.is_none());
        drop(held);
        for one in waiting {
            assert!(one.await.unwrap());
        }
        assert!(passwords.turn().await.is_some());
    }
}
