use super::*;
use crate::NewContact;
use crate::import::ImportOptions;
use crate::testing::Home;
use domain::{Attributes, ContactId, Timestamp};

crate::testing::on_both_engines! {
    a_forgotten_person_is_nowhere_and_still_not_called;
    a_number_that_might_come_back_is_not_forgotten;
}

fn number(text: &str) -> Dialable {
    Dialable::parse(text, Some("IT")).unwrap()
}

async fn suppress(store: &Store, text: &str) {
    let scope = Scope::installation();
    store.suppress(&scope, crate::GLOBAL, &[number(text)], "ana", "asked to be forgotten", Timestamp(5)).await.unwrap();
}

/// A list file with the person on two lines, in two spellings, and somebody else.
async fn import(store: &Store) -> ImportId {
    let scope = Scope::installation();
    let list = store.create_list(&scope, "summer").await.unwrap();
    let mut upload = store.begin_upload().await.unwrap();
    upload.write(b"NUM,NAME\n06 69820001,Anastasia\n+390669820001,Anastasia\n0669820002,Bo\n").await.unwrap();
    let job = store.create_import(&scope, list.id, "summer.csv", upload, ImportOptions::default()).await.unwrap();
    store.run_import(&scope, job.id, |_| {}).await.unwrap();
    job.id
}

async fn a_forgotten_person_is_nowhere_and_still_not_called(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let job = import(&store).await;
    let list = store.create_list(&scope, "spring").await.unwrap();
    let mut attributes = Attributes::default();
    attributes.add("NAME", "Anastasia").unwrap();
    let person = NewContact { number: number("0669820001"), attributes };
    store.add_contacts(&scope, list.id, vec![person], false).await.unwrap();
    assert!(store.forget(&scope, &number("0669820001"), "ana", Timestamp(6)).await.is_err(), "not suppressed yet");
    suppress(&store, "0669820001").await;
    let found = store.traces(&scope, &number("+39 06 69820001")).await.unwrap();
    assert_eq!(found, Traces { contacts: 3, lists: 2, attempts: 0, verdict_lines: 2 });
    assert_eq!(store.forget(&scope, &number("06 69820001"), "ana", Timestamp(6)).await.unwrap(), found);
    assert_eq!(store.traces(&scope, &number("0669820001")).await.unwrap(), Traces::default());

    let contacts = store.contacts(&scope, list.id, ContactId(0), 10).await.unwrap();
    assert_eq!((contacts[0].number.dialled.as_str(), contacts[0].attributes.is_empty()), ("", true));
    assert_eq!(contacts[0].key, store.number_key(&number("0669820001")), "the key says that it is suppressed");
    let entry = store.suppressions_of(&scope, &number("0669820001")).await.unwrap().remove(0);
    assert!(entry.number.starts_with(FORGOTTEN), "{}", entry.number);
    let verdicts = store.verdict_file(&scope, job).await.unwrap();
    let text = std::fs::read_to_string(&verdicts.path).unwrap();
    assert!(text.contains("xxxxxxxxxxx") && text.contains("0669820002"), "{text}");
    assert_eq!(text.len() as u64, verdicts.bytes);

    // Not a byte of it is left in any file, the log of the database included.
    if home.settings.server.is_none() {
        for file in walk(home.path()) {
            let bytes = std::fs::read(&file).unwrap();
            for secret in [&b"Anastasia"[..], b"669820001"] {
                let left = bytes.windows(secret.len()).filter(|window| *window == secret).count();
                assert_eq!(left, 0, "{} is left in {}", String::from_utf8_lossy(secret), file.display());
            }
        }
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

async fn a_number_that_might_come_back_is_not_forgotten(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "summer").await.unwrap();
    let mut upload = store.begin_upload().await.unwrap();
    upload.write(b"NUM\n0669820001\n").await.unwrap();
    let job = store.create_import(&scope, list.id, "summer.csv", upload, ImportOptions::default()).await.unwrap();
    suppress(&store, "0669820001").await;
    let error = store.forget(&scope, &number("0669820001"), "ana", Timestamp(6)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("before import {} is done", job.id)), "{error}");
}
