use super::*;
use crate::testing::{Home, World, close};
use crate::{CarriedOut, Write};
use domain::{CallState, Campaign, OutcomeRule, Verb};

crate::testing::on_both_engines! {
    an_action_is_written_with_the_end_of_its_call_and_once;
    a_number_is_put_on_a_list_once_with_its_attributes;
    a_number_waits_for_a_campaign_that_does_not_run_and_is_handed_on_when_it_does;
    campaigns_that_send_numbers_to_each_other_stop;
    what_is_told_outside_waits_fails_and_is_tried_again_when_asked;
    a_forgotten_person_is_handed_on_nowhere;
}

const NOW: Timestamp = Timestamp(60_000_000);

/// A store with a run of the campaign `spring` whose calls come under these rules.
async fn started(home: &Home, rules: Vec<OutcomeRule>) -> (Store, World, RunId, Vec<OutcomeRule>) {
    let store = home.open().await;
    store.begin_epoch().await.unwrap();
    let world = World::make(&store).await;
    let scope = Scope::installation();
    let campaign = Campaign { outcome_rules: rules, ..world.campaign.clone() };
    let saved = store.update_campaign(&scope, &campaign, "ana").await.unwrap();
    let run = store.start_run(&scope, saved.id, "ana", Timestamp(1)).await.unwrap().id;
    (store, world, run, saved.outcome_rules)
}

/// The call to the contact at `index` ends, and its rules answer to it.
async fn ends(store: &Store, world: &World, run: RunId, index: usize, rules: &[OutcomeRule]) {
    let id = index as i64 + 1;
    let end = AttemptEnd { actions: rules.to_vec(), ..world.end(id, run, index, None) };
    let batch = vec![Write::Attempt(world.attempt(id, run, index, 0)), close(end)];
    let written = store.commit(&Scope::installation(), batch).await.unwrap();
    assert!(written.iter().all(crate::Written::is_done), "{written:?}");
}

async fn due(store: &Store) -> Vec<Action> {
    store.due_actions(&Scope::installation(), false, NOW, 100).await.unwrap()
}

fn add_to(verb: Verb, list: domain::ListId) -> OutcomeRule {
    OutcomeRule { verb, list: Some(list), ..OutcomeRule::on(CallState::Terminated) }
}

async fn an_action_is_written_with_the_end_of_its_call_and_once(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "done").await.unwrap();
    let rule = OutcomeRule { id: domain::OutcomeRuleId(5), defer_s: 30, ..add_to(Verb::AddList, list.id) };
    let end = AttemptEnd { actions: vec![rule.clone(), rule.clone()], ..world.end(1, run, 0, None) };
    // An end that the journal refuses leaves no action.
    let refused = store.commit(&scope, vec![close(end.clone())]).await.unwrap();
    assert!(matches!(refused[0], crate::Written::Refused(_)));
    assert!(store.actions(&scope, &ActionFilter::default()).await.unwrap().is_empty());
    let batch = vec![Write::Attempt(world.attempt(1, run, 0, 0)), close(end.clone()), close(end)];
    store.commit(&scope, batch).await.unwrap();
    let store = home.reopen(store).await;
    let actions = store.actions(&scope, &ActionFilter { run: Some(run), ..ActionFilter::default() }).await.unwrap();
    let [action] = actions.as_slice() else { panic!("{actions:?}") };
    let ended_at = Timestamp(1_900_000);
    assert_eq!((&action.rule, action.due_at, action.tries), (&rule, ended_at.plus_seconds(30), 0));
    assert_eq!(store.next_action_at(&scope, false).await.unwrap(), Some(action.due_at));
    assert_eq!(store.next_action_at(&scope, true).await.unwrap(), None);
    assert!(store.due_actions(&scope, false, ended_at.plus_seconds(29), 9).await.unwrap().is_empty());
}

async fn a_number_is_put_on_a_list_once_with_its_attributes(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let (list, black) =
        (store.create_list(&scope, "done").await.unwrap(), store.create_list(&scope, "never").await.unwrap());
    let mut listed = OutcomeRule { id: domain::OutcomeRuleId(5), ..add_to(Verb::AddList, list.id) };
    listed.attributes.add("WHY", "${state} at try ${retry}").unwrap();
    let blacked = OutcomeRule { id: domain::OutcomeRuleId(6), ..add_to(Verb::AddBlacklist, black.id) };
    ends(&store, &world, run, 0, &[listed.clone(), blacked.clone()]).await;
    let actions = due(&store).await;
    let outcomes = store.carry_out(&scope, &actions, NOW).await.unwrap();
    assert_eq!(outcomes, [CarriedOut::Listed(list.id, true), CarriedOut::Listed(black.id, true)]);
    // A process that died before it knew tries again.
    let again = store.carry_out(&scope, &actions, NOW).await.unwrap();
    assert_eq!(again, [CarriedOut::Over, CarriedOut::Over]);
    let on_it = store.contacts(&scope, list.id, ContactId(0), 9).await.unwrap();
    assert_eq!((on_it.len(), &on_it[0].number), (1, &world.contacts[0].number));
    let attributes: Vec<_> = on_it[0].attributes.iter().collect();
    assert_eq!(attributes, [("NAME", "Person 0"), ("WHY", "TERMINATED at try 0")]);
    assert_eq!(store.list(&scope, list.id).await.unwrap().contacts, 1);
    let kinds: Vec<_> =
        store.timeline(&scope, AttemptId(1)).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["attempt.action_done", "attempt.action_done"]);
    // The dialler's batches number the events of the same attempt.
    let change = domain::journal::OutputChange::Set { name: "A".into(), value: "1".into() };
    let output = Write::Output { attempt: AttemptId(1), change, at: NOW, pbx_at: None, actor: String::new() };
    assert!(store.commit(&scope, vec![output]).await.unwrap()[0].is_done());
    let counts = store.action_counts(&scope, run).await.unwrap();
    assert_eq!(counts, ActionCounts { waiting: 0, done: 2, failed: 0 });
}

async fn a_number_waits_for_a_campaign_that_does_not_run_and_is_handed_on_when_it_does(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let other = Campaign { name: "other".into(), ..world.campaign.clone() };
    let other = store.create_campaign(&scope, &other, "ana").await.unwrap();
    let rule = OutcomeRule {
        id: domain::OutcomeRuleId(5),
        verb: Verb::Reschedule,
        campaign: Some(other.id),
        defer_s: 30,
        ..OutcomeRule::on(CallState::Terminated)
    };
    ends(&store, &world, run, 0, &[rule]).await;
    let actions = due(&store).await;
    assert_eq!(store.carry_out(&scope, &actions, NOW).await.unwrap(), [CarriedOut::Waits]);
    let waits = store.action(&scope, actions[0].id).await.unwrap();
    assert_eq!(
        (waits.state, waits.said.as_str()),
        (ActionState::Waiting, "campaign \"other\" is not running: start it first")
    );
    assert!(due(&store).await.is_empty());
    let other_run = store.start_run(&scope, other.id, "ana", NOW).await.unwrap().id;
    let actions = due(&store).await;
    assert_eq!(actions.len(), 1, "the start of the run wakes it");
    let outcomes = store.carry_out(&scope, &actions, NOW).await.unwrap();
    let CarriedOut::Added(call) = outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((call.run, call.due_at), (other_run, actions[0].not_before));
    assert_eq!(store.run(&scope, other_run).await.unwrap().totals.open_retries, 1);
    let contact = store.contact(&scope, call.contact).await.unwrap();
    assert_eq!((contact.list_name.as_str(), contact.attributes.get("NAME")), ("other/AUTO", Some("Person 0")));
    // The run ended in that moment.
    store.take_back_action(&scope, &actions[0], &call, NOW).await.unwrap();
    assert_eq!(store.run(&scope, other_run).await.unwrap().totals.open_retries, 0);
    assert_eq!(store.action(&scope, actions[0].id).await.unwrap().state, ActionState::Waiting);
}

async fn campaigns_that_send_numbers_to_each_other_stop(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "round").await.unwrap();
    let rule = OutcomeRule { id: domain::OutcomeRuleId(5), ..add_to(Verb::AddList, list.id) };
    ends(&store, &world, run, 0, &[rule]).await;
    let mut action = due(&store).await.remove(0);
    for times in 1..=domain::outcome_rule::MAX_HANDED_ON {
        let again = crate::engine::query("UPDATE outcome_action SET state = 'waiting'");
        let mut transaction = store.begin().await.unwrap();
        again.execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let outcomes = store.carry_out(&scope, &[action.clone()], NOW).await.unwrap();
        assert_eq!(outcomes, [CarriedOut::Listed(list.id, true)], "{times}");
        let last = store.contacts(&scope, list.id, ContactId(0), 99).await.unwrap().pop().unwrap();
        action.contact = last.id;
    }
    let again = crate::engine::query("UPDATE outcome_action SET state = 'waiting'");
    let mut transaction = store.begin().await.unwrap();
    again.execute(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.carry_out(&scope, &[action.clone()], NOW).await.unwrap(), [CarriedOut::Failed]);
    let failed = store.action(&scope, action.id).await.unwrap();
    assert!(failed.said.contains("handed this number on 10 times"), "{}", failed.said);
}

async fn what_is_told_outside_waits_fails_and_is_tried_again_when_asked(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let rule = OutcomeRule {
        id: domain::OutcomeRuleId(5),
        verb: Verb::HttpGet,
        destination: "https://crm.example/".into(),
        ..OutcomeRule::on(CallState::Terminated)
    };
    ends(&store, &world, run, 0, &[rule]).await;
    assert!(due(&store).await.is_empty(), "it is for the other task");
    let outside = async || store.due_actions(&scope, true, NOW, 9).await.unwrap();
    let action = outside().await.remove(0);
    let put_off = Tried::Later(NOW.plus_seconds(1));
    store.actions_tried(&scope, &[(&action, put_off)], NOW).await.unwrap();
    assert_eq!(store.action(&scope, action.id).await.unwrap().tries, 0);
    let busy = Tried::Again("answered 503".into(), NOW.plus_seconds(2));
    store.actions_tried(&scope, &[(&action, busy)], NOW).await.unwrap();
    assert!(outside().await.is_empty());
    let again = store.try_action_again(&scope, action.id).await.unwrap();
    assert_eq!((again.state, again.tries), (ActionState::Waiting, 0));
    let refused = Tried::Failed("answered 404 to 0669820000".into());
    store.actions_tried(&scope, &[(&again, refused)], NOW).await.unwrap();
    let failed = store.action(&scope, action.id).await.unwrap();
    assert_eq!(failed.state, ActionState::Failed);
    assert!(!failed.said.contains("0669820000"), "{}", failed.said);
    assert_eq!(store.action_counts(&scope, run).await.unwrap().failed, 1);
    assert_eq!(store.try_failed_again(&scope, Some(RunId(77)), None).await.unwrap(), 0);
    assert_eq!(store.try_failed_again(&scope, Some(run), None).await.unwrap(), 1);
    let taken = store.action(&scope, action.id).await.unwrap();
    store.actions_tried(&scope, &[(&taken, Tried::Done("answered 204".into()))], NOW).await.unwrap();
    let error = store.try_action_again(&scope, action.id).await.unwrap_err();
    assert_eq!(error.to_string(), format!("action {} was done: it is not repeated", action.id));
    let ended = store.timeline(&scope, AttemptId(1)).await.unwrap().pop().unwrap();
    assert_eq!((ended.kind.as_str(), &ended.data["said"]), ("attempt.action_done", &json!("answered 204")));
}

async fn a_forgotten_person_is_handed_on_nowhere(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "done").await.unwrap();
    let rule = OutcomeRule { id: domain::OutcomeRuleId(5), ..add_to(Verb::AddList, list.id) };
    ends(&store, &world, run, 0, &[rule]).await;
    let number = world.contacts[0].number.clone();
    store.suppress(&scope, crate::GLOBAL, std::slice::from_ref(&number), "ana", "asked", NOW).await.unwrap();
    store.forget(&scope, &number, "ana", NOW).await.unwrap();
    let actions = due(&store).await;
    assert_eq!(store.carry_out(&scope, &actions, NOW).await.unwrap(), [CarriedOut::Failed]);
    assert_eq!(store.action(&scope, actions[0].id).await.unwrap().said, "the person was forgotten");
    assert_eq!(store.list(&scope, list.id).await.unwrap().contacts, 0);
}
