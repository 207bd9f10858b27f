//! Secrets at rest: AES-256-GCM under a key file that is kept outside the database.

use crate::disk;
use crate::error::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Length of the key, in bytes.
const KEY_BYTES: usize = 32;
/// Length of what tells keys apart, in bytes.
const KEY_ID_BYTES: usize = 8;

/// Seals and opens secrets. What a secret is for is part of the seal: one copied to another row does not open.
pub(crate) struct Cipher {
    key: RandomizedNonceKey,
    text: String,
    id: String,
}

impl Cipher {
    /// Reads the key file; makes it, readable by the owner only, when it is missing and `may_create`.
    pub(crate) fn load(path: &Path, may_create: bool) -> Result<Self> {
        if may_create && !path.exists() {
            create(path, &hex(&random::<KEY_BYTES>()))?;
        }
        Self::read(path)
    }

    /// Reads the key file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let refused = |why: &str| Error::Key { path: path.to_owned(), why: why.to_owned() };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(refused("is missing, and the database holds secrets sealed with it: restore it"));
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        let mode = fs::metadata(path).map_err(Error::io("cannot read", path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refused("can be read by other users: chmod 600 it"));
        }
        Self::parse(&text).ok_or_else(|| refused("is no key: 64 hexadecimal digits are expected"))
    }

    /// From the text of a key file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = from_hex(text.trim())?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("a key of 32 bytes fits AES-256");
        let id = hex(&digest(&SHA256, &bytes).as_ref()[..KEY_ID_BYTES]);
        Some(Self { key, text: text.trim().to_owned(), id })
    }

    /// Writes a key file that is not there.
    pub(crate) fn create(path: &Path, text: &str) -> Result<()> {
        create(path, text)
    }

    /// The text of the key file.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Tells keys apart without telling them.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Nonce, then cipher text, then tag.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(purpose), &mut body)
            .expect("sealing fails only beyond 64 GiB or without random numbers");
        [nonce.as_ref().as_slice(), &body].concat()
    }

    /// The plain text; `None` when the key or the purpose is another, or a bit was changed.
    pub(crate) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(purpose), &mut body).ok()?.len();
        body.truncate(plain);
        Some(body)
    }
}

fn create(path: &Path, text: &str) -> Result<()> {
    let created = disk::private().write(true).create_new(true).open(path);
    let mut file = created.map_err(Error::io("cannot create key file", path))?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(Error::io("cannot write key file", path))
}

/// Random bytes fit for keys.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}

/// Two lower-case digits per byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; KEY_BYTES];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_purpose_only() {
        let folder = tempfile::tempdir().unwrap();
        let cipher = Cipher::load(&folder.path().join("a"), true).unwrap();
        let again = Cipher::load(&folder.path().join("a"), false).unwrap();
        let other = Cipher::load(&folder.path().join("b"), true).unwrap();
        let mut sealed = cipher.seal("pbx 1", b"s3cret");
        assert_eq!(again.open("pbx 1", &sealed).unwrap(), b"s3cret");
        assert_eq!(other.open("pbx 1", &sealed), None);
        assert_eq!(cipher.open("pbx 2", &sealed), None);
        assert_ne!(sealed, cipher.seal("pbx 1", b"s3cret"), "every seal has its own nonce");
        assert_eq!(cipher.open("pbx 1", b"short"), None);
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(cipher.open("pbx 1", &sealed), None);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Cipher::load(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Cipher::load(&path, false).err().unwrap();
        assert!(error.to_string().ends_with("chmod 600 it"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "hello").unwrap();
        assert_eq!(Cipher::load(&path, false).err().unwrap().code(), "key_file");
    }
}
