use super::*;
use crate::suppression::lists::GLOBAL;
use crate::testing::{Home, World};
use domain::{Campaign, CampaignId};

crate::testing::on_both_engines! {
    a_file_takes_the_place_of_what_was_there_in_five_formats;
    a_wrong_row_refuses_the_file_by_its_line_and_changes_nothing;
    what_was_not_adopted_is_not_in_force_and_is_cleared_away;
    a_list_holds_for_the_campaigns_that_it_names;
    what_people_asked_for_is_not_taken_back;
}

async fn import(store: &Store, list: SuppressionListId, bytes: &[u8]) -> Result<Adopted> {
    let mut upload = store.begin_upload().await.unwrap();
    upload.write(bytes).await.unwrap();
    store.import_registry(&Scope::installation(), list, upload, "ana").await
}

async fn registry(store: &Store, campaigns: Option<&[CampaignId]>) -> SuppressionListId {
    let scope = Scope::installation();
    let made = store.create_suppression_list(&scope, "dnc", SuppressionKind::Registry, campaigns, "ana");
    made.await.unwrap().id
}

async fn is_suppressed(store: &Store, campaign: CampaignId, text: &str) -> bool {
    let number = Dialable::parse(text, Some("IT")).unwrap();
    let standing = store.standing(&Scope::installation(), campaign, &number, None, Timestamp(9)).await.unwrap();
    standing.suppressed_by.is_some()
}

async fn a_file_takes_the_place_of_what_was_there_in_five_formats(home: Home) {
    let store = home.open().await;
    let list = registry(&store, None).await;
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("0669820006\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let files: [(&[u8], &str, u64); 6] = [
        (b"06 69820001\n+390669820001\n\n06-6982.0009\n", "0669820001", 2),
        (b"name,phone\r\n\"Rossi, Ada\",\"0669820002\"\r\nBo,0669820009\r\n", "0669820002", 2),
        (b"phone;since\n0669820003;2026-01-01\n", "0669820003", 1),
        (b"since\tnumber\n2026-01-01\t0669820004\n", "0669820004", 1),
        (b"id|telephone\n7|0669820005\n", "0669820005", 1),
        (&wide, "0669820006", 1),
    ];
    for (version, (bytes, number, entries)) in (1..).zip(files) {
        let done = import(&store, list, bytes).await.unwrap();
        assert_eq!((done.version, done.entries), (version, entries), "{done:?}");
        let named: Vec<bool> = {
            let mut named = Vec::new();
            for (_, other, _) in files {
                named.push(is_suppressed(&store, CampaignId(1), other).await && other == number);
            }
            named
        };
        assert_eq!(named.iter().filter(|named| **named).count(), 1, "{number}");
    }
    let found = store.suppressions_of(&Scope::installation(), &Dialable::parse("+390669820006", None).unwrap()).await;
    assert_eq!(found.unwrap()[0].by, "registry dnc");
}

async fn a_wrong_row_refuses_the_file_by_its_line_and_changes_nothing(home: Home) {
    let store = home.open().await;
    let list = registry(&store, None).await;
    import(&store, list, b"0669820001\n").await.unwrap();
    let mut many: String = (0..20_000).map(|n| format!("06698{n:05}\n")).collect();
    many.push_str("tomorrow\n");
    let files: [(&[u8], &str); 5] = [
        (many.as_bytes(), "line 20001"),
        (b"phone;since\n0669820003;2026\n;2026\n", "line 3"),
        (b"\n\n", "holds no number"),
        (b"212,5551234\n212,5551235\n", "line 1"),
        (b"number\n0669820001\n\"0669820002\n", "line 3"),
    ];
    for (bytes, says) in files {
        let error = import(&store, list, bytes).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error} does not say {says}");
        assert!(is_suppressed(&store, CampaignId(1), "0669820001").await);
        assert_eq!(store.suppression_list(&Scope::installation(), list).await.unwrap().version, 1);
    }
    assert!(import(&store, GLOBAL, b"0669820001\n").await.unwrap_err().to_string().contains("is no registry"));
}

async fn what_was_not_adopted_is_not_in_force_and_is_cleared_away(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let list = registry(&store, None).await;
    import(&store, list, b"0669820001\n").await.unwrap();
    // As a kill leaves it: written, and not adopted.
    let other = store.number_key(&Dialable::parse("0669820002", Some("IT")).unwrap());
    store.write_keys(&scope, list, 2, &[other.0, 7, 8]).await.unwrap();
    let store = home.reopen(store).await;
    assert!(is_suppressed(&store, CampaignId(1), "0669820001").await);
    assert!(!is_suppressed(&store, CampaignId(1), "0669820002").await);
    import(&store, list, b"0669820003\n").await.unwrap();
    assert!(!is_suppressed(&store, CampaignId(1), "0669820002").await);
    let rows: i64 = query("SELECT COUNT(*) FROM registry_key").fetch_scalar(store.readers()).await.unwrap();
    assert_eq!(rows, 1);
    store.delete_suppression_list(&scope, list).await.unwrap();
    let rows: i64 = query("SELECT COUNT(*) FROM registry_key").fetch_scalar(store.readers()).await.unwrap();
    assert_eq!(rows, 0);
}

async fn a_list_holds_for_the_campaigns_that_it_names(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let world = World::make(&store).await;
    let other = store.create_campaign(&scope, &Campaign::named("other", "UTC"), "ana").await.unwrap().id;
    let list = registry(&store, Some(&[world.campaign.id])).await;
    import(&store, list, b"0669820001\n").await.unwrap();
    assert!(is_suppressed(&store, world.campaign.id, "0669820001").await);
    assert!(!is_suppressed(&store, other, "0669820001").await);
    let of_other = [other];
    let optout = store.create_suppression_list(&scope, "shop", SuppressionKind::Optout, Some(&of_other), "ana");
    let optout = optout.await.unwrap().id;
    let number = [Dialable::parse("0669820002", Some("IT")).unwrap()];
    let done = store.suppress(&scope, optout, &number, "ana", "", Timestamp(5)).await.unwrap();
    assert_eq!((done.added, done.campaigns), (1, Some(vec![other])));
    assert!(!is_suppressed(&store, world.campaign.id, "0669820002").await);
    assert!(is_suppressed(&store, other, "0669820002").await);
    assert_eq!(store.suppress(&scope, GLOBAL, &number, "ana", "", Timestamp(5)).await.unwrap().added, 1);
    assert!(is_suppressed(&store, world.campaign.id, "0669820002").await);
    let lists: Vec<_> = store.suppressions_of(&scope, &number[0]).await.unwrap().iter().map(|e| e.list).collect();
    assert_eq!(lists, [GLOBAL, optout]);
    let refused = store.suppress(&scope, list, &number, "ana", "", Timestamp(5)).await.unwrap_err();
    assert!(refused.to_string().contains("is a registry"), "{refused}");
    let lists = store.suppression_lists(&scope).await.unwrap();
    assert_eq!(lists.iter().map(|list| list.entries).collect::<Vec<_>>(), [1, 1, 1]);
}

async fn what_people_asked_for_is_not_taken_back(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let world = World::make(&store).await;
    let campaigns = [world.campaign.id];
    let list = store.create_suppression_list(&scope, "shop", SuppressionKind::Optout, Some(&campaigns), "ana");
    let list = list.await.unwrap().id;
    let number = [Dialable::parse("0669820002", Some("IT")).unwrap()];
    store.suppress(&scope, list, &number, "ana", "", Timestamp(5)).await.unwrap();
    let fewer = store.update_suppression_list(&scope, list, "shop", Some(&[]), "ana").await.unwrap_err();
    assert!(fewer.to_string().contains("not for fewer"), "{fewer}");
    assert_eq!(store.delete_suppression_list(&scope, list).await.unwrap_err().code(), "in_use");
    assert_eq!(store.delete_suppression_list(&scope, GLOBAL).await.unwrap_err().code(), "in_use");
    assert!(store.update_suppression_list(&scope, GLOBAL, "global", Some(&campaigns), "ana").await.is_err());
    assert_eq!(store.update_suppression_list(&scope, list, "all", None, "ana").await.unwrap().campaigns, None);
    let nobody = [CampaignId(77)];
    let unknown = store.create_suppression_list(&scope, "x", SuppressionKind::Optout, Some(&nobody), "ana");
    assert_eq!(unknown.await.unwrap_err().to_string(), "campaigns: campaign 77 does not exist");
}
