use super::*;
use crate::scope::Actor;
use crate::testing::{Home, World, trunk};
use domain::Trunk;

crate::testing::on_both_engines! {
    a_change_is_written_with_it_or_not_at_all;
    the_whole_configuration_writes_down_what_changes_it;
    what_is_taken_back_is_as_it_was;
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
