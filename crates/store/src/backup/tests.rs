//! A copy that is the database at one instant, whatever is written meanwhile.

use super::*;
use crate::testing::{Home, World, close, content, note};
use crate::{Scope, Store, Write};
use domain::Timestamp;
use domain::journal::Fact;
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) async fn make(home: &Home, name: &str) -> Backup {
    let to = home.path().join(name);
    backup(&home.settings, &to, Options::default(), &mut |_| ()).await.unwrap()
}

#[tokio::test]
async fn a_backup_holds_everything_and_is_checked_private_and_named_last() {
    let home = Home::new();
    let store = home.open().await;
    World::make(&store).await;
    let before = content(&home.settings.path).await;
    let made = make(&home, "one.backup").await;
    assert!(content(&made.path).await == before, "all tables of ours, row by row");
    assert_eq!(made.facts.key_id.as_deref(), Some(store.cipher().id()));
    assert_eq!(made.facts.installation, store.installation().name);
    assert_eq!(made.bytes, fs::metadata(&made.path).unwrap().len());
    assert_eq!(made.sha256.len(), 64);
    assert_eq!(fs::metadata(&made.path).unwrap().permissions().mode() & 0o077, 0);
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".part")), "{left:?}");
    let key = fs::read(&home.settings.key_file).unwrap();
    let bytes = fs::read(&made.path).unwrap();
    assert!(!bytes.windows(64).any(|window| window == &key[..64]), "the key is not in it unless it is asked for");
}

#[tokio::test]
async fn a_backup_never_overwrites_what_it_was_not_told_to() {
    let home = Home::new();
    let store = home.open().await;
    let to = home.path().join("kept");
    fs::write(&to, "dear").unwrap();
    let error = backup(&home.settings, &to, Options::default(), &mut |_| ()).await.unwrap_err();
    assert_eq!(error.code(), "file_exists");
    assert_eq!(fs::read(&to).unwrap(), b"dear");
    let replace = Options { replace: true, ..Options::default() };
    backup(&home.settings, &to, replace, &mut |_| ()).await.unwrap();
    assert_ne!(fs::read(&to).unwrap(), b"dear");
    store.close().await;
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let home = Home::new();
    let error = backup(&home.settings, &home.path().join("x"), Options::default(), &mut |_| ()).await.unwrap_err();
    assert_eq!(error.code(), "database_missing");
    home.open().await.close().await;
    let to = home.path().join("no folder/x");
    let error = backup(&home.settings, &to, Options::default(), &mut |_| ()).await.unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("no folder"), "{error}");
}

#[test]
fn a_disk_without_room_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let error = copy::check_room(&folder.path().join("x"), u64::MAX / 2).unwrap_err();
    assert_eq!(error.code(), "no_room");
    assert!(error.to_string().contains("are free"), "{error}");
    copy::check_room(&folder.path().join("x"), 1).unwrap();
}

/// While attempts are written, a copy holds a whole number of commits: each adds up for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_instant_of_the_journal() {
    const CONTACTS: usize = 1_000;
    let home = Home::new();
    let store = home.open().await;
    let world = World::of(&store, CONTACTS as u32).await;
    let scope = Scope::installation();
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap().id;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for index in 0..CONTACTS {
                let id = index as i64 + 1;
                let end = world.end(id, run, index, None);
                let batch =
                    vec![Write::Attempt(world.attempt(id, run, index, 0)), note(id, Fact::Requested, 1), close(end)];
                store.commit(&Scope::installation(), batch).await.unwrap();
            }
        }
    });
    let mut sizes = Vec::new();
    while !writer.is_finished() && sizes.len() < 5 {
        let made = make(&home, &format!("{}.backup", sizes.len())).await;
        let copy = open(&made.path).await.unwrap();
        let count = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&copy).await.unwrap();
        let attempts = count("SELECT COUNT(*) FROM attempt").await;
        assert_eq!(count("SELECT COUNT(*) FROM attempt WHERE ended_at IS NULL").await, 0, "half a commit");
        assert_eq!(count("SELECT terminated FROM run").await, attempts);
        assert_eq!(count("SELECT COUNT(*) FROM run_contact WHERE state = 'finished'").await, attempts);
        assert_eq!(count("SELECT COUNT(*) FROM event WHERE entity = 'attempt'").await, attempts * 4);
        copy.close().await;
        sizes.push(attempts);
    }
    writer.await.unwrap();
    assert!(sizes.is_sorted() && sizes.first() != Some(&(CONTACTS as i64)), "nothing was written meanwhile: {sizes:?}");
}

#[tokio::test]
async fn files_of_imports_travel_with_it() {
    let home = Home::new();
    let store = home.open().await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "people").await.unwrap();
    let mut upload = store.begin_upload().await.unwrap();
    let text = "number\n".to_owned() + &"0669826982\n".repeat(300_000);
    upload.write(text.as_bytes()).await.unwrap();
    let options = crate::import::ImportOptions::default();
    let job = store.create_import(&scope, list.id, "people.csv", upload, options).await.unwrap();
    let made = make(&home, "b").await;
    store.close().await;
    let copy = open(&made.path).await.unwrap();
    let folder = home.path().join("unpacked");
    files::unpack(&copy, &folder).await.unwrap();
    assert_eq!(fs::read_to_string(folder.join(format!("{}.raw", job.id))).unwrap(), text);
    copy.close().await;
}

#[tokio::test]
async fn a_database_that_was_damaged_is_no_backup() {
    let home = Home::new();
    let store = home.open().await;
    World::of(&store, 1_000).await;
    store.close().await;
    flip(&home.settings.path);
    let error = backup(&home.settings, &home.path().join("b"), Options::default(), &mut |_| ()).await.unwrap_err();
    assert_eq!(error.code(), "database_damaged", "{error}");
    assert!(!home.path().join("b").exists());
}

/// Overwrites a part of every tenth page, as a disk does that loses writes.
pub(crate) fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    for page in bytes.chunks_mut(4096).skip(2).step_by(10) {
        page[..64].fill(0xa5);
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_store_can_be_backed_up_while_it_is_open_and_while_it_is_not() {
    let home = Home::new();
    let store: Store = home.open().await;
    make(&home, "while open").await;
    store.close().await;
    make(&home, "while closed").await;
    home.open().await;
}
