//! A backup in the place of the database: nothing is deleted, no number comes again, nothing is dialled by itself.

use super::*;
use crate::backup::tests::{flip, make};
use crate::testing::{Home, World, close, content};
use crate::{Scope, Store, SuppressionKind, Write, Written};
use domain::abandonment::{CountingRule, Tally, Why};
use domain::journal::Fact;
use domain::{AttemptId, CallState, ContactId, LegId, RecordMark, RunId};

/// Entries on a list of every kind, made before the backup and after it; lists that only the database in place has.
#[tokio::test]
async fn whoever_was_suppressed_by_any_list_stays_so_through_the_restore_of_an_older_backup() {
    let home = Home::new();
    let store = home.open().await;
    let scope = Scope::installation();
    let world = World::make(&store).await;
    let other = store.create_campaign(&scope, &domain::Campaign::named("other", "UTC"), "ana").await.unwrap().id;
    let campaign = world.campaign.id;
    let number = |text: &str| domain::Dialable::parse(text, Some("IT")).unwrap();
    let make_list = async |name, kind, campaigns: Option<&[domain::CampaignId]>| {
        store.create_suppression_list(&scope, name, kind, campaigns, "ana").await.unwrap().id
    };
    let add = async |list, text| {
        store.suppress(&scope, list, &[number(text)], "ana", "", Timestamp(5)).await.unwrap();
    };
    let adopt = async |list, bytes: &[u8]| {
        let mut upload = store.begin_upload().await.unwrap();
        upload.write(bytes).await.unwrap();
        store.import_registry(&scope, list, upload, "ana").await.unwrap();
    };
    let (optout, registry) = (SuppressionKind::Optout, SuppressionKind::Registry);
    let gone = make_list("gone", optout, None).await;
    let shop = make_list("shop", optout, Some(&[campaign])).await;
    let national = make_list("national", registry, None).await;
    let same = make_list("same", registry, Some(&[campaign])).await;
    for (list, text) in [(crate::GLOBAL, "5550001"), (shop, "5550011")] {
        add(list, text).await;
    }
    adopt(national, b"5550021\n5550022\n").await;
    adopt(same, b"5550041\n").await;
    make(&home, "b").await;
    for (list, text) in [(crate::GLOBAL, "5550002"), (shop, "5550012")] {
        add(list, text).await;
    }
    store.update_suppression_list(&scope, shop, "shop", Some(&[campaign, other]), "ana").await.unwrap();
    adopt(national, b"5550022\n5550023\n").await;
    // Its name is that of a list of another kind in the backup.
    store.delete_suppression_list(&scope, gone).await.unwrap();
    let gone = make_list("gone", registry, None).await;
    adopt(gone, b"5550061\n").await;
    let key = crate::Lock { security_key: "SALES".into(), ..crate::Lock::default() };
    let late = store.create_suppression_list(&scope, ("late", &key), optout, Some(&[other]), "ana").await.unwrap().id;
    add(late, "5550031").await;
    add(crate::GLOBAL, "5550031").await;
    let late_registry = make_list("late registry", registry, Some(&[campaign])).await;
    adopt(late_registry, b"5550051\n").await;
    let judge = async |store: &Store| {
        let mut told = Vec::new();
        for text in ["01", "02", "11", "12", "21", "22", "23", "31", "41", "51", "61", "99"] {
            let number = number(&format!("55500{text}"));
            for campaign in [campaign, other] {
                let standing = store.standing(&scope, campaign, &number, None, Timestamp(9)).await.unwrap();
                told.push((text, campaign, standing.suppressed_by.is_some()));
            }
        }
        told
    };
    let before = judge(&store).await;
    let suppressed = before.iter().filter(|(.., suppressed)| *suppressed).count();
    assert_eq!(suppressed, 2 * 8 + 2, "{before:?}");
    store.close().await;
    drop(store);

    let restored = from_backup(&home).await;
    let carried = restored.suppressions.unwrap();
    assert_eq!(carried, Carried { numbers: 4, lists: 3, registries: 3 });
    let store = home.open().await;
    for (then, now) in before.iter().zip(judge(&store).await) {
        assert!(*then == now, "{then:?} became {now:?}");
    }
    let lists = store.suppression_lists(&scope).await.unwrap();
    let told: Vec<_> = lists.iter().map(|list| (list.name.as_str(), list.kind, list.entries)).collect();
    let renamed = format!("gone (in place before the restore {gone})");
    assert_eq!(
        told,
        [
            ("global", optout, 3),
            ("gone", optout, 0),
            ("shop", optout, 2),
            ("national", registry, 2),
            ("same", registry, 1),
            (&renamed, registry, 1),
            ("late", optout, 1),
            ("late registry", registry, 1),
        ]
    );
    assert_eq!(lists.iter().find(|list| list.name == "late").unwrap().id, late, "it keeps its id");
    assert_eq!(store.lock(&scope, crate::Kind::SuppressionList, late.0).await.unwrap().security_key, "SALES");
    // What is in a registry is replaced by the next file, as ever.
    let mut upload = store.begin_upload().await.unwrap();
    upload.write(b"5550024\n").await.unwrap();
    store.import_registry(&scope, national, upload, "ana").await.unwrap();
    let standing = store.standing(&scope, campaign, &number("5550023"), None, Timestamp(9)).await.unwrap();
    assert!(standing.suppressed_by.is_none());
}

/// A world with a backup `b` after the first attempt and nine more attempts behind it, closed.
async fn behind_a_backup(home: &Home) -> (World, RunId, i64) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let scope = Scope::installation();
    store.begin_epoch().await.unwrap();
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap().id;
    let ids = store.commit(&scope, vec![Write::Ids { kind: crate::IdKind::Attempt, count: 20 }]).await.unwrap();
    let Written::Ids { from, .. } = ids[0] else { unreachable!() };
    let attempt = async |index: usize| {
        let id = from + index as i64;
        let writes = vec![
            Write::Attempt(world.attempt(id, run, index, 0)),
            crate::testing::note(id, Fact::Requested, 1),
            close(world.end(id, run, index, None)),
        ];
        assert!(store.commit(&scope, writes).await.unwrap().iter().all(Written::is_done));
    };
    attempt(0).await;
    make(home, "b").await;
    for index in 1..10 {
        attempt(index).await;
    }
    store.begin_epoch().await.unwrap();
    store.close().await;
    (world, run, from)
}

async fn from_backup(home: &Home) -> Restored {
    restore(&home.settings, &home.path().join("b")).await.unwrap()
}

async fn next_ids(store: &Store) -> Vec<i64> {
    let mut next = Vec::new();
    for kind in [crate::IdKind::Attempt, crate::IdKind::Call, crate::IdKind::Leg] {
        let written = store.commit(&Scope::installation(), vec![Write::Ids { kind, count: 1 }]).await.unwrap();
        let Written::Ids { from, .. } = written[0] else { unreachable!() };
        next.push(from);
    }
    next
}

#[tokio::test]
async fn a_restored_database_is_the_backup_above_every_number_and_holds() {
    let home = Home::new();
    let (_, run, _) = behind_a_backup(&home).await;
    let before = content(&home.settings.path).await;
    let restored = from_backup(&home).await;
    let Present::Readable(present) = &restored.present else { panic!("{:?}", restored.present) };
    let aside = content(restored.aside.as_ref().unwrap()).await;
    assert!(aside == before, "what was there is put aside as it was");

    let store = home.open().await;
    let scope = Scope::installation();
    assert_eq!(store.run(&scope, run).await.unwrap().totals.placed, 1, "the state of the backup");
    let epoch = store.begin_epoch().await.unwrap().epoch;
    assert!(epoch > present.epoch + 1 && epoch > restored.restored_at.0 / 1_000_000, "{epoch}");
    for (id, kind) in next_ids(&store).await.into_iter().zip(["attempt", "call", "leg"]) {
        assert!(id >= present.blocks[kind], "{kind} {id} may have been handed out");
    }
    let hold = store.hold(&scope).await.unwrap().unwrap();
    assert_eq!((hold.by.as_str(), hold.since), ("restore", restored.restored_at));
    assert!(hold.why.contains("restored from a backup of"), "{}", hold.why);
    assert!(restored.lift_at.ms_since(restored.restored_at) >= 24 * 3_600_000);
    // Somebody's own hold stands beside it and survives it.
    store.set_hold(&scope, "ana", "fire drill", Timestamp(7)).await.unwrap();
    assert!(store.settle_restore(&scope, "ana", Settled::Accepted, Timestamp(8)).await.unwrap());
    assert!(!store.settle_restore(&scope, "ana", Settled::Accepted, Timestamp(9)).await.unwrap());
    assert_eq!(store.hold(&scope).await.unwrap().unwrap().by, "ana");
    assert!(store.lift_hold(&scope, "ana", Timestamp(9)).await.unwrap());
    assert_eq!(store.hold(&scope).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_beyond_reading_makes_the_numbers_jump() {
    for damage in ["flipped", "gone", "text"] {
        let home = Home::new();
        behind_a_backup(&home).await;
        let taken = home.open().await;
        let (epoch, ids) = (taken.begin_epoch().await.unwrap().epoch, next_ids(&taken).await);
        taken.close().await;
        match damage {
            "flipped" => {
                let mut bytes = fs::read(&home.settings.path).unwrap();
                bytes[4096..].fill(0xa5);
                fs::write(&home.settings.path, bytes).unwrap();
            }
            "gone" => fs::remove_file(&home.settings.path).unwrap(),
            _ => fs::write(&home.settings.path, "no database\n".repeat(1_000)).unwrap(),
        }
        let restored = from_backup(&home).await;
        assert!(matches!(restored.present, Present::Unreadable { .. } | Present::Missing), "{:?}", restored.present);
        assert_eq!(restored.aside.is_some(), damage != "gone");
        let store = home.open().await;
        assert!(store.begin_epoch().await.unwrap().epoch > epoch);
        for (jumped, taken) in next_ids(&store).await.into_iter().zip(ids) {
            assert!(jumped > taken + 100, "{damage}: {jumped} is too near to {taken}");
        }
        let world = store.create_list(&Scope::installation(), "later").await.unwrap();
        assert!(world.id.0 > 1_000, "configuration that was made after the backup keeps its ids: {}", world.id.0);
        store.close().await;
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_by_name_before_anything_is_dialled() {
    let home = Home::new();
    let store = home.open().await;
    World::of(&store, 1_000).await;
    store.close().await;
    flip(&home.settings.path);
    let error = Store::open(&home.settings).await.unwrap_err();
    assert_eq!(error.code(), "database_damaged", "{error}");
    assert!(error.to_string().contains("carillon.db is damaged: "), "{error}");
}

#[tokio::test]
async fn what_is_no_sound_backup_of_ours_changes_nothing() {
    let home = Home::new();
    behind_a_backup(&home).await;
    let before = content(&home.settings.path).await;
    let backup = home.path().join("b");
    let refusal = async |file: &Path| restore(&home.settings, file).await.unwrap_err();

    assert_eq!(refusal(&home.path().join("nothing")).await.code(), "database_missing");
    assert_eq!(refusal(&home.settings.key_file).await.code(), "database_damaged");
    fs::copy(&home.settings.path, home.path().join("plain")).unwrap();
    assert_eq!(refusal(&home.path().join("plain")).await.code(), "no_backup");
    fs::copy(&backup, home.path().join("torn")).unwrap();
    flip(&home.path().join("torn"));
    assert_eq!(refusal(&home.path().join("torn")).await.code(), "database_damaged");
    let bytes = fs::read(&backup).unwrap();
    fs::write(home.path().join("cut"), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(refusal(&home.path().join("cut")).await.code(), "database_damaged");

    let other = Home::new();
    drop(other.open().await);
    let kept = home.path().join("kept key");
    fs::rename(&home.settings.key_file, &kept).unwrap();
    fs::copy(&other.settings.key_file, &home.settings.key_file).unwrap();
    let error = refusal(&backup).await;
    assert!(error.code() == "key_file" && error.to_string().contains("made with key"), "{error}");
    fs::remove_file(&home.settings.key_file).unwrap();
    assert_eq!(refusal(&backup).await.code(), "key_file");
    fs::rename(&kept, &home.settings.key_file).unwrap();

    assert!(content(&home.settings.path).await == before, "the database was changed");
    let store = home.open().await;
    assert_eq!(refusal(&backup).await.code(), "database_locked", "a server works on it");
    store.close().await;
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".aside")), "{left:?}");
}

#[tokio::test]
async fn a_backup_with_its_key_restores_on_an_empty_machine() {
    let home = Home::new();
    behind_a_backup(&home).await;
    let options = backup::Options { with_key: true, ..backup::Options::default() };
    backup::backup(&home.settings, &home.path().join("full"), options, &mut |_| ()).await.unwrap();
    let elsewhere = Home::new();
    let restored = restore(&elsewhere.settings, &home.path().join("full")).await.unwrap();
    assert!(restored.key_written && restored.aside.is_none());
    let store = elsewhere.open().await;
    let scope = Scope::installation();
    let pbx = store.pbxs(&scope).await.unwrap().remove(0);
    assert_eq!(store.pbx_password(&scope, pbx.id).await.unwrap(), "secret");
    let mut kept = content(&elsewhere.settings.path).await;
    assert!(kept.remove("backup_fact").is_none(), "the key is not left in the database");
}

#[tokio::test]
async fn an_interrupted_restore_is_named_and_run_again() {
    let home = Home::new();
    behind_a_backup(&home).await;
    fs::copy(home.path().join("b"), beside(&home.settings.path, RESTORING)).unwrap();
    let error = Store::open(&home.settings).await.unwrap_err();
    assert_eq!(error.code(), "restore_interrupted");
    from_backup(&home).await;
    home.open().await;
}

#[tokio::test]
async fn call_records_become_attempts_once_and_by_the_contacts_own_turn() {
    let home = Home::new();
    let (world, run, first) = behind_a_backup(&home).await;
    let restored = from_backup(&home).await;
    let store = home.open().await;
    let scope = Scope::installation();
    let open = store.open_restore(&scope).await.unwrap().unwrap();
    assert_eq!(open.attempt_id, restored.attempt_id);
    let call = |index: usize, talk_s| CallSince {
        mark: RecordMark {
            attempt: AttemptId(first + index as i64),
            contact: world.contacts[index].id,
            run,
            retry: 0,
            trunk: world.trunk.id,
            end_point: world.end_point.id,
            number_no: 0,
        },
        leg: LegId(first + index as i64),
        started_at: None,
        duration_s: 30,
        talk_s,
    };
    let stranger = CallSince { mark: RecordMark { contact: ContactId(999), ..call(4, None).mark }, ..call(4, None) };
    let calls = [call(0, Some(20)), call(1, Some(20)), call(2, None), stranger];
    let done = store.reconcile(&scope, &open, &calls).await.unwrap();
    assert_eq!(done, Reconciled { written: 2, answered: 1, known: 1, needless: 1 });
    let again = store.reconcile(&scope, &open, &calls).await.unwrap();
    assert_eq!(again, Reconciled { written: 0, answered: 0, known: 3, needless: 1 });
    let filter = crate::AttemptFilter { run: Some(run), limit: 100, ..crate::AttemptFilter::default() };
    let attempts = store.attempts(&scope, &filter).await.unwrap();
    let of = |index: usize| attempts.iter().find(|a| a.contact == world.contacts[index].id).unwrap();
    assert_eq!((of(1).state.as_str(), of(1).talk_ms), (CallState::Terminated.code(), Some(20_000)));
    assert_eq!(of(2).state, CallState::RsLost.code());
    assert_eq!(store.run(&scope, run).await.unwrap().totals.placed, 3);
}

#[tokio::test]
async fn whom_the_database_has_forgotten_a_backup_does_not_bring_back() {
    let home = Home::new();
    let store = home.open().await;
    let scope = Scope::installation();
    let world = World::make(&store).await;
    let [known, later] = [0, 1].map(|index| world.contacts[index].number.clone());
    let ask = async |number| {
        store.suppress(&scope, crate::GLOBAL, &[number], "ana", "asked to be erased", Timestamp(5)).await.unwrap()
    };
    ask(known.clone()).await;
    make(&home, "b").await;
    ask(later.clone()).await;
    for number in [&known, &later] {
        store.forget(&scope, number, "ana", Timestamp(6)).await.unwrap();
    }
    store.close().await;
    from_backup(&home).await;
    let store = home.open().await;
    let contacts = store.contacts(&scope, world.list.id, ContactId(0), 10).await.unwrap();
    let empty: Vec<bool> = contacts.iter().map(|contact| contact.number.dialled.is_empty()).collect();
    assert_eq!(empty, [true, true, false, false, false, false, false, false, false, false]);
    assert!(contacts[0].attributes.is_empty() && !contacts[2].attributes.is_empty());
    for number in [known, later] {
        let entry = store.suppressions_of(&scope, &number).await.unwrap().remove(0);
        assert!(entry.number.starts_with("forgotten "), "{}", entry.number);
    }
}

/// What is counted of an attempt that is answered and finds nobody: two rows.
async fn abandons(store: &Store, world: &World, id: i64) {
    let mut tally = Tally::new(world.campaign.id, CountingRule::default());
    let late = (Fact::Abandoned, tally.live(), tally.abandoned(Why::TooLate, 2_000).unwrap());
    for (fact, what) in [(Fact::Answered, late.1), (late.0, late.2)] {
        let Write::Note { mut note, pbx_at, actor } = crate::testing::note(id, fact, 1) else { unreachable!() };
        note.counted = Some(what);
        let written = store.commit(&Scope::installation(), vec![Write::Note { note, pbx_at, actor }]).await.unwrap();
        assert!(written[0].is_done(), "{written:?}");
    }
}

#[tokio::test]
async fn who_was_abandoned_after_the_backup_stays_so_where_the_database_in_place_can_be_read() {
    // Rows of the ledger after the restore, and how many of them were taken over.
    for (damage, rows, taken) in [("none", 8, Some(6)), ("row 5", 4, Some(2)), ("gone", 2, None)] {
        let home = Home::new();
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        store.begin_epoch().await.unwrap();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap().id;
        for id in 1..=4 {
            let attempt = world.attempt(id, run, usize::try_from(id).unwrap(), 0);
            store.commit(&scope, vec![Write::Attempt(attempt)]).await.unwrap();
            abandons(&store, &world, id).await;
            if id == 1 {
                make(&home, "b").await;
            }
        }
        if damage == "row 5" {
            let mut transaction = store.begin().await.unwrap();
            for statement in ["DROP TRIGGER abandonment_stays", "UPDATE abandonment SET at = at + 1 WHERE position = 5"]
            {
                crate::engine::query(statement).execute(&mut transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
        }
        store.close().await;
        drop(store);
        if damage == "gone" {
            fs::remove_file(&home.settings.path).unwrap();
        }
        assert_eq!(from_backup(&home).await.ledger_rows, taken, "{damage}");

        let store = home.open().await;
        let verified = store.verify_abandonment(&scope, world.campaign.id).await.unwrap();
        assert_eq!((verified.rows, verified.fault), (rows, None), "{damage}");
        // The books go on, and cannot be changed.
        let written = store.commit(&scope, vec![Write::Ids { kind: crate::IdKind::Attempt, count: 1 }]).await.unwrap();
        let Written::Ids { from, .. } = written[0] else { unreachable!() };
        let attempt = world.attempt(from, run, 7, 0);
        assert!(store.commit(&scope, vec![Write::Attempt(attempt)]).await.unwrap()[0].is_done());
        abandons(&store, &world, from).await;
        let verified = store.verify_abandonment(&scope, world.campaign.id).await.unwrap();
        assert_eq!((verified.rows, verified.fault), (rows + 2, None), "{damage}");
        let period = store.abandonment_periods(&scope, world.campaign.id).await.unwrap();
        assert_eq!(
            i64::from(period.last().unwrap().figures.abandoned),
            rows / 2 + i64::from(period.len() == 1),
            "{damage}"
        );
        let mut transaction = store.begin().await.unwrap();
        let refused = crate::engine::query("UPDATE abandonment SET live = 0").execute(&mut transaction).await;
        assert!(refused.unwrap_err().to_string().contains("never changed"));
    }
}
