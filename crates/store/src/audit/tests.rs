use super::*;
use crate::scope::Actor;
use crate::testing::{Home, World, trunk};
use domain::Trunk;

crate::testing::on_both_engines! {
    a_change_is_written_with_it_or_not_at_all;
    the_whole_configuration_writes_down_what_changes_it;
    what_is_taken_back_is_as_it_was;
    what_was_deleted_comes_back_under_its_id;
    what_people_do_is_written_down_and_bounded;
}

fn ana() -> Scope {
    Scope { actor: Actor { name: "ana".into(), user: Some(7) }, ..Scope::installation() }
}

async fn all(store: &Store) -> Vec<AuditRecord> {
    let filter = AuditFilter { limit: 1_000, of_access: true, ..AuditFilter::default() };
    store.audit(&Scope::installation(), &filter).await.unwrap()
}

async fn a_change_is_written_with_it_or_not_at_all(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let before = all(&store).await.len();
    assert!(store.delete_trunk(&ana(), world.trunk.id).await.is_err(), "a campaign has it");
    let taken = Trunk { name: "out".into(), ..trunk("x", world.pbx.id) };
    assert!(store.create_trunk(&ana(), &taken).await.is_err());
    assert_eq!(all(&store).await.len(), before, "what was refused is no change");
    store.update_trunk(&ana(), &Trunk { capacity: 3, ..world.trunk.clone() }).await.unwrap();
    let newest = &all(&store).await[0];
    assert_eq!((newest.actor.as_str(), newest.by_user, newest.action.as_str()), ("ana", true, "changed"));
    assert_eq!(newest.before.as_ref().unwrap()["capacity"], 10);
    assert_eq!(newest.after.as_ref().unwrap()["capacity"], 3);
}

async fn the_whole_configuration_writes_down_what_changes_it(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    store.create_token(&ana(), "cron", vec![crate::TokenScope::Read]).await.unwrap();
    store.create_first_user(&ana(), "boss", "", "correct horse battery").await.unwrap();
    let kind = suppression::lists::SuppressionKind::Optout;
    store.create_suppression_list(&ana(), "shop", kind, None, "ana").await.unwrap();
    store.delete_campaign(&ana(), world.campaign.id).await.unwrap();
    store.delete_list(&ana(), world.list.id).await.unwrap();
    let all = all(&store).await;
    let of =
        |entity: &str| all.iter().filter(|row| row.entity == entity).map(|row| row.action.as_str()).collect::<Vec<_>>();
    for entity in ["pbx", "trunk", "end_point", "token", "user", "suppression_list"] {
        assert_eq!(of(entity), ["created"], "{entity}");
    }
    assert_eq!(of("campaign"), ["deleted", "created"]);
    assert_eq!(of("list").first(), Some(&"deleted"));
    let text = format!("{all:?}");
    assert!(!text.contains("066982") && !text.contains("Person"), "a contact is in it: {text}");
}

async fn what_is_taken_back_is_as_it_was(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let changed = Trunk { capacity: 3, name: "other".into(), ..world.trunk.clone() };
    store.update_trunk(&ana(), &changed).await.unwrap();
    let id = all(&store).await[0].id;
    let undone = store.undo(&ana(), id).await.unwrap();
    assert_eq!((undone.record.action.as_str(), undone.record.actor.as_str()), ("changed", "ana"));
    assert_eq!(store.trunk(&ana(), world.trunk.id).await.unwrap(), world.trunk);
    let error = store.undo(&ana(), id).await.unwrap_err();
    assert!(error.to_string().contains("capacity was changed since"), "{error}");
    assert_eq!(error.code(), "conflict");
}

async fn what_was_deleted_comes_back_under_its_id(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let gone = async || all(&store).await[0].id;
    store.delete_campaign(&ana(), world.campaign.id).await.unwrap();
    let campaign = gone().await;
    store.delete_trunk(&ana(), world.trunk.id).await.unwrap();
    let trunk = gone().await;
    store.delete_end_point(&ana(), world.end_point.id).await.unwrap();
    let end_point = gone().await;
    store.delete_pbx(&ana(), world.pbx.id).await.unwrap();
    let pbx = gone().await;
    assert!(store.undo(&ana(), trunk).await.is_err(), "its PBX is gone");
    assert!(store.undo(&ana(), pbx).await.unwrap().says.contains("password"));
    for change in [trunk, end_point, campaign] {
        assert_eq!(store.undo(&ana(), change).await.unwrap().says, "");
        assert!(store.undo(&ana(), change).await.is_err(), "it is there");
    }
    assert_eq!(store.pbx(&ana(), world.pbx.id).await.unwrap(), world.pbx);
    assert_eq!(store.trunk(&ana(), world.trunk.id).await.unwrap(), world.trunk);
    assert_eq!(store.end_point(&ana(), world.end_point.id).await.unwrap(), world.end_point);
    let campaign = store.campaign(&ana(), world.campaign.id).await.unwrap();
    assert_eq!((campaign.trunks, campaign.lists), (world.campaign.trunks, world.campaign.lists.clone()));
    // A list with contacts is gone for good, and so is a token; an empty one comes back.
    let empty = store.create_list(&ana(), "empty").await.unwrap();
    store.delete_list(&ana(), empty.id).await.unwrap();
    store.undo(&ana(), gone().await).await.unwrap();
    assert_eq!(store.list(&ana(), empty.id).await.unwrap().name, "empty");
    store.delete_campaign(&ana(), campaign.id).await.unwrap();
    store.delete_list(&ana(), world.list.id).await.unwrap();
    let error = store.undo(&ana(), gone().await).await.unwrap_err();
    assert!(error.to_string().contains("its 10 contacts are not kept"), "{error}");
    let next = store.create_trunk(&ana(), &trunk_named("next", world.pbx.id)).await.unwrap();
    assert!(next.id > world.trunk.id, "ids go on");
}

fn trunk_named(name: &str, pbx: domain::PbxId) -> Trunk {
    trunk(name, pbx)
}

async fn what_people_do_is_written_down_and_bounded(home: Home) {
    let store = home.open().await;
    let user = store.create_first_user(&ana(), "boss", "", "correct horse battery").await.unwrap();
    let limits = crate::users::sessions::SessionLimits::default();
    let at = domain::Timestamp(crate::sql::now().0);
    for _ in 0..3 {
        store.sign_in("nobody-0669820001", "x", None, limits, at).await.unwrap();
    }
    store.sign_in("boss", "wrong", None, limits, at).await.unwrap();
    let signed_in = store.sign_in("boss", "correct horse battery", None, limits, at).await.unwrap();
    let crate::users::sessions::SignedIn::In(_, secret) = signed_in else { panic!("{signed_in:?}") };
    store.sign_out(&secret).await.unwrap();
    store.set_hold(&ana(), "ana", "lunch", at).await.unwrap();
    store.lift_hold(&ana(), "ana", at).await.unwrap();
    let number = domain::Dialable::parse("0669820001", Some("IT")).unwrap();
    store.suppress(&ana(), crate::GLOBAL, &[number], "ana", "asked", at).await.unwrap();
    let rows = all(&store).await;
    let seen: Vec<(&str, i64)> = rows.iter().map(|row| (row.action.as_str(), row.entity_id)).collect();
    let wanted = [
        ("suppressed", 1),
        ("lifted", 0),
        ("held", 0),
        ("signed_out", user.id),
        ("signed_in", user.id),
        ("sign_in_refused", user.id),
        ("sign_in_refused", 0),
        ("created", user.id),
    ];
    assert_eq!(seen, wanted, "an unknown login is written once in a while");
    assert_eq!((rows[4].actor.as_str(), rows[4].by_user, rows[4].name.as_str()), ("boss", true, "boss"));
    let text = format!("{rows:?}");
    assert!(!text.contains("nobody") && !text.contains("66982"), "{text}");
}
