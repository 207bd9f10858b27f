use super::sessions::{FAILURES, SessionLimits, SignedIn};
use super::*;
use crate::testing::Home;
use crate::tokens::TokenScope;
use crate::users::classes::UserClass;

crate::testing::on_both_engines! {
    the_first_user_may_do_everything_and_is_the_only_first;
    a_user_signs_in_and_out;
    a_session_ends_when_idle_and_at_the_latest_at_its_end;
    too_many_wrong_sign_ins_lock_a_login_whether_it_exists_or_not;
    a_user_who_is_disabled_deleted_or_has_another_password_is_signed_out;
    somebody_who_can_administer_is_always_left;
    classes_and_users_round_trip_and_are_checked;
}

const PASSWORD: &str = "correct horse battery";

fn scope() -> Scope {
    Scope::installation()
}

fn user(login: &str, class: i64) -> UserRecord {
    UserRecord {
        id: 0,
        login: login.into(),
        name: "Ana".into(),
        email: String::new(),
        enabled: true,
        class,
        keys: String::new(),
        comment: String::new(),
        locked_until: None,
        last_signed_in_at: None,
        created_at: Timestamp(0),
    }
}

async fn signed_in(store: &Store, login: &str, password: &str) -> String {
    match store.sign_in(login, password, None, SessionLimits::default(), now()).await.unwrap() {
        SignedIn::In(_, secret) => secret,
        other => panic!("{other:?}"),
    }
}

async fn is_signed_in(store: &Store, secret: &str) -> bool {
    store.session(secret, SessionLimits::default(), now()).await.unwrap().is_some()
}

async fn the_first_user_may_do_everything_and_is_the_only_first(home: Home) {
    let store = home.open().await;
    assert!(!store.has_users(&scope()).await.unwrap());
    let first = store.create_first_user(&scope(), "Ana", "Ana Rossi", PASSWORD).await.unwrap();
    assert_eq!((first.login.as_str(), first.class), ("ana", 1));
    let secret = signed_in(&store, "ANA", PASSWORD).await;
    let session = store.session(&secret, SessionLimits::default(), now()).await.unwrap().unwrap();
    assert_eq!((session.role, session.all_keys, session.login.as_str()), (TokenScope::Admin, true, "ana"));
    let again = store.create_first_user(&scope(), "eve", "", PASSWORD).await.unwrap_err();
    assert_eq!(again.code(), "conflict");
}

async fn a_user_signs_in_and_out(home: Home) {
    let store = home.open().await;
    store.create_user(&scope(), &user("ana", 1), PASSWORD).await.unwrap();
    let limits = SessionLimits::default();
    let wrong = store.sign_in("ana", "correct horse batterY", None, limits, now()).await.unwrap();
    assert_eq!(wrong, SignedIn::Wrong);
    assert_eq!(store.sign_in("nobody", PASSWORD, None, limits, now()).await.unwrap(), SignedIn::Wrong);
    let first = signed_in(&store, "ana", PASSWORD).await;
    assert!(store.users(&scope()).await.unwrap()[0].last_signed_in_at.is_some());
    // What a browser held before the sign-in opens nothing after it.
    let second = match store.sign_in("ana", PASSWORD, Some(&first), limits, now()).await.unwrap() {
        SignedIn::In(session, secret) => {
            assert_eq!(session.login, "ana");
            secret
        }
        other => panic!("{other:?}"),
    };
    assert!(first != second && !is_signed_in(&store, &first).await && is_signed_in(&store, &second).await);
    store.sign_out(&second).await.unwrap();
    assert!(!is_signed_in(&store, &second).await);
    assert!(!is_signed_in(&store, &format!("ccs_{}", "0".repeat(64))).await);
    assert!(!is_signed_in(&store, "").await);
    for _ in 0..25 {
        signed_in(&store, "ana", PASSWORD).await;
    }
    let sessions: i64 = query_scalar("SELECT COUNT(*) FROM user_session").fetch_one(store.readers()).await.unwrap();
    assert_eq!(sessions, 20, "the oldest ended");
}

async fn a_session_ends_when_idle_and_at_the_latest_at_its_end(home: Home) {
    let store = home.open().await;
    store.create_user(&scope(), &user("ana", 1), PASSWORD).await.unwrap();
    let limits = SessionLimits::default();
    let begin = now();
    let at = |minutes: i64| begin.plus_seconds(60 * minutes);
    let SignedIn::In(session, secret) = store.sign_in("ana", PASSWORD, None, limits, begin).await.unwrap() else {
        panic!("not signed in");
    };
    assert_eq!((session.idle_until, session.ends_at), (at(30), at(12 * 60)));
    let idle_until = async |now| store.session(&secret, limits, now).await.unwrap().map(|session| session.idle_until);
    assert_eq!(idle_until(begin.plus_seconds(59)).await, Some(at(30)), "a use is noted once a minute");
    assert_eq!(idle_until(at(29)).await, Some(at(59)));
    assert_eq!(idle_until(at(58)).await, Some(at(88)));
    assert_eq!(idle_until(at(88)).await, None, "idle for thirty minutes");
    assert_eq!(idle_until(at(87)).await, Some(at(117)));
    let mut minute = 87;
    while minute < 12 * 60 - 20 {
        minute += 20;
        assert!(idle_until(at(minute)).await.is_some(), "{minute}");
    }
    assert_eq!(idle_until(at(12 * 60 - 1)).await, Some(at(12 * 60)));
    assert_eq!(idle_until(at(12 * 60)).await, None, "however busy");
}

async fn too_many_wrong_sign_ins_lock_a_login_whether_it_exists_or_not(home: Home) {
    let store = home.open().await;
    let ana = store.create_user(&scope(), &user("ana", 1), PASSWORD).await.unwrap();
    let limits = SessionLimits::default();
    let begin = now();
    for login in ["ana", "nobody"] {
        for try_number in 1..FAILURES {
            let at = begin.plus_seconds(try_number);
            assert_eq!(store.sign_in(login, "wrong", None, limits, at).await.unwrap(), SignedIn::Wrong, "{login}");
        }
        let locked = SignedIn::Locked(begin.plus_seconds(5 + 15 * 60));
        assert_eq!(store.sign_in(login, "wrong", None, limits, begin.plus_seconds(5)).await.unwrap(), locked);
        assert_eq!(store.sign_in(login, PASSWORD, None, limits, begin.plus_seconds(60)).await.unwrap(), locked);
    }
    assert!(store.user(&scope(), ana.id).await.unwrap().locked_until.is_some());
    let unlocked = store.unlock_user(&scope(), ana.id).await.unwrap();
    assert_eq!((unlocked.locked_until, &store.user(&scope(), ana.id).await.unwrap()), (None, &unlocked));
    signed_in(&store, "ana", PASSWORD).await;
    // The other one's lock ends by itself, and four wrong ones in a quarter of an hour lock nothing.
    let later = begin.plus_seconds(6 + 15 * 60);
    assert_eq!(store.sign_in("nobody", "x", None, limits, later).await.unwrap(), SignedIn::Wrong);
    for minutes in [0, 4, 8, 12, 16, 20, 24] {
        let at = later.plus_seconds(60 * minutes);
        assert_eq!(store.sign_in("ana", "wrong", None, limits, at).await.unwrap(), SignedIn::Wrong, "{minutes}");
    }
    // Whoever types a password in the place of the login does not find it in the database.
    store.sign_in("my secret password", "x", None, limits, begin).await.unwrap();
    let keys: Vec<Vec<u8>> =
        query_scalar("SELECT login_key FROM sign_in_failure").fetch_all(store.readers()).await.unwrap();
    assert!(keys.iter().all(|key| key.len() == 32));
}

async fn a_user_who_is_disabled_deleted_or_has_another_password_is_signed_out(home: Home) {
    let store = home.open().await;
    store.create_user(&scope(), &user("boss", 1), PASSWORD).await.unwrap();
    let ana = store.create_user(&scope(), &user("ana", 2), PASSWORD).await.unwrap();
    let limits = SessionLimits::default();
    let other = "another horse battery";

    let secret = signed_in(&store, "ana", PASSWORD).await;
    store.update_user(&scope(), &UserRecord { enabled: false, ..ana.clone() }, None).await.unwrap();
    assert!(!is_signed_in(&store, &secret).await);
    assert_eq!(store.sign_in("ana", PASSWORD, None, limits, now()).await.unwrap(), SignedIn::Disabled);
    assert_eq!(
        store.sign_in("ana", other, None, limits, now()).await.unwrap(),
        SignedIn::Wrong,
        "is told to nobody else"
    );

    store.update_user(&scope(), &ana, None).await.unwrap();
    assert!(!is_signed_in(&store, &secret).await, "what has ended does not begin again");
    let secret = signed_in(&store, "ana", PASSWORD).await;
    store.update_user(&scope(), &ana, Some(other)).await.unwrap();
    assert!(!is_signed_in(&store, &secret).await);

    let (one, two) = (signed_in(&store, "ana", other).await, signed_in(&store, "ana", other).await);
    let wrong = store.change_password(&scope(), ana.id, "no", PASSWORD, limits, now()).await.unwrap();
    assert_eq!(wrong, SignedIn::Wrong);
    let weak = store.change_password(&scope(), ana.id, other, "short", limits, now()).await.unwrap_err();
    assert_eq!(weak.field(), Some("new"));
    let SignedIn::In(_, fresh) = store.change_password(&scope(), ana.id, other, PASSWORD, limits, now()).await.unwrap()
    else {
        panic!("the password was right");
    };
    assert!(
        !is_signed_in(&store, &one).await && !is_signed_in(&store, &two).await && is_signed_in(&store, &fresh).await
    );

    store.sign_out_user(&scope(), ana.id).await.unwrap();
    assert!(!is_signed_in(&store, &fresh).await);
    let secret = signed_in(&store, "ana", PASSWORD).await;
    store.delete_user(&scope(), ana.id).await.unwrap();
    assert!(!is_signed_in(&store, &secret).await);
    assert_eq!(store.delete_user(&scope(), ana.id).await.unwrap_err().code(), "not_found");
}

async fn somebody_who_can_administer_is_always_left(home: Home) {
    let store = home.open().await;
    let ana = store.create_user(&scope(), &user("ana", 1), PASSWORD).await.unwrap();
    let administrators = store.user_class(&scope(), 1).await.unwrap();
    let refused = [
        store.update_user(&scope(), &UserRecord { enabled: false, ..ana.clone() }, None).await.unwrap_err(),
        store.update_user(&scope(), &UserRecord { class: 2, ..ana.clone() }, None).await.unwrap_err(),
        store
            .update_user_class(&scope(), &UserClass { role: TokenScope::Operate, ..administrators.clone() })
            .await
            .unwrap_err(),
        store.update_user_class(&scope(), &UserClass { all_keys: false, ..administrators.clone() }).await.unwrap_err(),
        store.delete_user_class(&scope(), 1).await.unwrap_err(),
    ];
    let codes: Vec<_> = refused.iter().map(Error::code).collect();
    assert_eq!(
        codes,
        ["last_administrator", "last_administrator", "last_administrator", "last_administrator", "in_use"]
    );
    let eve = store.create_user(&scope(), &user("eve", 2), PASSWORD).await.unwrap();
    assert_eq!(store.delete_user(&scope(), ana.id).await.unwrap_err().code(), "last_administrator");
    assert_eq!(store.user(&scope(), ana.id).await.unwrap(), ana, "nothing was changed");
    store.update_user(&scope(), &UserRecord { class: 1, ..eve.clone() }, None).await.unwrap();
    store.delete_user(&scope(), ana.id).await.unwrap();
    // The only user may go, too: then set-up begins anew.
    store.delete_user(&scope(), eve.id).await.unwrap();
    assert!(!store.has_users(&scope()).await.unwrap());
}

async fn classes_and_users_round_trip_and_are_checked(home: Home) {
    let store = home.open().await;
    let class = UserClass {
        id: 0,
        name: "Sales".into(),
        description: "Those who sell".into(),
        role: TokenScope::Operate,
        keys: "B  A A".into(),
        all_keys: false,
    };
    let class = store.create_user_class(&scope(), &class).await.unwrap();
    assert_eq!(class.keys, "B A");
    assert_eq!(store.user_classes(&scope()).await.unwrap().last().unwrap(), &class);
    assert_eq!(store.create_user_class(&scope(), &class).await.unwrap_err().code(), "name_taken");
    let wrong = store.update_user_class(&scope(), &UserClass { keys: "-A".into(), ..class.clone() }).await.unwrap_err();
    assert_eq!(wrong.field(), Some("keys"));

    store.create_user(&scope(), &user("boss", 1), PASSWORD).await.unwrap();
    let made = UserRecord { keys: "C -B".into(), email: "ana@example.com".into(), ..user("Ana", class.id) };
    let ana = store.create_user(&scope(), &made, PASSWORD).await.unwrap();
    assert_eq!(store.user(&scope(), ana.id).await.unwrap(), ana);
    let secret = signed_in(&store, "ana", PASSWORD).await;
    let session = store.session(&secret, SessionLimits::default(), now()).await.unwrap().unwrap();
    assert_eq!(session.keys.into_iter().collect::<Vec<_>>(), ["A", "C"]);
    store.delete_user_class(&scope(), 3).await.unwrap();
    assert_eq!(
        store.delete_user_class(&scope(), class.id).await.unwrap_err().to_string(),
        format!("class {} is in use by user ana", class.id)
    );

    let refused = async |user: UserRecord, password: &str| {
        let error = store.create_user(&scope(), &user, password).await.unwrap_err();
        error.field().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(user("ana", 1), PASSWORD).await, "login");
    assert_eq!(refused(user("", 1), PASSWORD).await, "login");
    assert_eq!(refused(user("a b", 1), PASSWORD).await, "login");
    assert_eq!(refused(user(&"a".repeat(61), 1), PASSWORD).await, "login");
    assert_eq!(refused(user("eve", 77), PASSWORD).await, "class");
    assert_eq!(refused(user("eve", 1), "short").await, "password");
    assert_eq!(refused(UserRecord { email: "nobody".into(), ..user("eve", 1) }, PASSWORD).await, "email");
    assert_eq!(refused(UserRecord { name: "n".repeat(201), ..user("eve", 1) }, PASSWORD).await, "name");
    assert_eq!(refused(UserRecord { comment: "c".repeat(2_001), ..user("eve", 1) }, PASSWORD).await, "comment");
    assert_eq!(refused(UserRecord { keys: "--A".into(), ..user("eve", 1) }, PASSWORD).await, "keys");
}

#[tokio::test]
async fn neither_password_nor_session_is_in_the_file() {
    let home = Home::new();
    let store = home.open().await;
    store.create_user(&scope(), &user("ana", 1), PASSWORD).await.unwrap();
    let secret = signed_in(&store, "ana", PASSWORD).await;
    store.close().await;
    let everything = std::fs::read(&home.settings.path).unwrap();
    for hidden in [PASSWORD.as_bytes(), &secret.as_bytes()[4..]] {
        assert!(!everything.windows(hidden.len()).any(|bytes| bytes == hidden));
    }
}
