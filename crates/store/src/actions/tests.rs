use super::*;
use crate::testing::{Home, World, close};
use crate::{CarriedOut, Write};
use domain::journal::{PutOff, PutOffBy, RunChange};
use domain::rules::ContactRule;
use domain::{CallState, Campaign, OutcomeRule, RunMail, RunMailEvents, RunState, Verb};
use std::sync::Arc;

crate::testing::on_both_engines! {
    an_action_is_written_with_the_end_of_its_call_and_once;
    rules_that_waited_for_a_retry_are_asked_once_when_it_does_not_come;
    a_number_is_put_on_a_list_once_with_its_attributes;
    a_number_waits_for_a_campaign_that_does_not_run_and_is_handed_on_when_it_does;
    campaigns_that_send_numbers_to_each_other_stop;
    what_is_told_outside_waits_fails_and_is_tried_again_when_asked;
    a_forgotten_person_is_handed_on_nowhere;
    a_run_is_told_of_in_few_letters_and_its_end_at_once;
    a_letter_that_grew_while_it_was_sent_is_sent_again;
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

fn after(action: &Action) -> &AfterCall {
    let Task::AfterCall(after) = &action.task else { panic!("{action:?}") };
    after
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
    assert_eq!((&after(action).rule, action.due_at, action.tries), (&rule, ended_at.plus_seconds(30), 0));
    assert_eq!(store.next_action_at(&scope, false).await.unwrap(), Some(action.due_at));
    assert_eq!(store.next_action_at(&scope, true).await.unwrap(), None);
    assert!(store.due_actions(&scope, false, ended_at.plus_seconds(29), 9).await.unwrap().is_empty());
}

async fn rules_that_waited_for_a_retry_are_asked_once_when_it_does_not_come(home: Home) {
    let (store, world, run, _) = started(&home, vec![]).await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "done").await.unwrap();
    let (id, status) = (domain::OutcomeRuleId(5), CallState::RsNoanswer);
    let quiet = OutcomeRule { id, status, defer_s: 30, ..add_to(Verb::AddList, list.id) };
    let told = OutcomeRule { id: domain::OutcomeRuleId(6), with_retries_pending: true, ..quiet.clone() };
    let other = OutcomeRule { id: domain::OutcomeRuleId(7), status: CallState::RsBusy, ..quiet.clone() };
    let retry_at = Timestamp(400);
    let end = AttemptEnd { actions: vec![told.clone()], ..world.end(1, run, 0, Some(retry_at)) };
    let called = vec![Write::Attempt(world.attempt(1, run, 0, 0)), close(end)];
    store.commit(&scope, called).await.unwrap();
    let off = |index: usize, retry, was_due_at, until| PutOff {
        contact: world.contacts[index].id,
        retry,
        was_due_at,
        was_put_off_by: None,
        by: PutOffBy::Rule(ContactRule::NumberNotSuppressed),
        until,
    };
    let asked = || async {
        let due = store.due_actions(&scope, false, Timestamp(90_000_000), 100).await.unwrap();
        due.iter().map(|action| (after(action).attempt.0, after(action).rule.id.0)).collect::<Vec<_>>()
    };
    let rules: Arc<[OutcomeRule]> = [quiet, told, other].into();
    let at = Timestamp(40_000_000);
    let put_off = |contacts| Write::PutOff { run, contacts, rules: rules.clone(), at };
    let waits = off(0, 1, Some(retry_at), Some(Timestamp(500)));
    store.commit(&scope, vec![put_off(vec![off(1, 0, None, None), waits])]).await.unwrap();
    assert_eq!(asked().await, [(1, 6)], "it waits still, and the other one was never called");
    let again = PutOff { was_put_off_by: Some(waits.by), ..off(0, 1, Some(Timestamp(500)), None) };
    for _ in 0..2 {
        store.commit(&scope, vec![put_off(vec![again])]).await.unwrap();
        assert_eq!(asked().await, [(1, 6), (1, 5)]);
    }
    let late = store.actions(&scope, &ActionFilter::default()).await.unwrap().remove(0);
    assert_eq!((after(&late).rule.id.0, late.not_before), (5, at.plus_seconds(30)));
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
        let Task::AfterCall(after) = &mut action.task else { panic!("{action:?}") };
        after.contact = last.id;
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

/// A run of the campaign `spring`, whose letters tell this.
async fn written_about(home: &Home, events: RunMailEvents) -> (Store, World, RunId) {
    let store = home.open().await;
    store.begin_epoch().await.unwrap();
    let world = World::make(&store).await;
    let scope = Scope::installation();
    let mail = RunMail { events, to: vec!["ana@example.com".into()] };
    store.update_campaign(&scope, &Campaign { mail, ..world.campaign.clone() }, "ana").await.unwrap();
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap().id;
    (store, world, run)
}

async fn becomes(store: &Store, run: RunId, state: RunState) {
    let change = RunChange { run, state, why: "by 0669820000".into(), at: now(), read_to: vec![] };
    let written = store.commit(&Scope::installation(), vec![Write::Run(change)]).await.unwrap();
    assert!(written[0].is_done(), "{written:?}");
}

/// Letters of the run, the latest first, with the states that each tells of.
async fn letters_of(store: &Store) -> Vec<(Action, Vec<RunState>)> {
    let actions = store.actions(&Scope::installation(), &ActionFilter::default()).await.unwrap();
    let told = |action: &Action| match &action.task {
        Task::Letter(letter) => letter.changes.iter().map(|news| news.state).collect(),
        Task::AfterCall(after) => panic!("{after:?}"),
    };
    actions.into_iter().map(|action| (action.clone(), told(&action))).collect()
}

async fn a_run_is_told_of_in_few_letters_and_its_end_at_once(home: Home) {
    use RunState::{Completed, Idle, Paused, Runnable, Running};
    let (store, _, run) = written_about(&home, RunMailEvents::All).await;
    let scope = Scope::installation();
    for state in [Running, Idle] {
        becomes(&store, run, state).await;
    }
    let letters = letters_of(&store).await;
    let [(first, told)] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(told, &[Runnable, Running, Idle], "what happens together is told together");
    let wait_s = |action: &Action| action.due_at.ms_since(now()) / 1_000;
    assert!((5..=10).contains(&wait_s(first)), "{first:?}");
    assert!(!format!("{first:?}").contains("0669820000"), "no number leaves with a letter");
    // The first is on its way: what comes now waits for the next, which is not due at once.
    let failed = Tried::Again("busy".into(), now());
    store.actions_tried(&scope, &[(first, failed)], now()).await.unwrap();
    becomes(&store, run, Paused).await;
    let letters = letters_of(&store).await;
    assert_eq!((letters.len(), letters[0].1.as_slice()), (2, [Paused].as_slice()));
    assert!((60..=70).contains(&wait_s(&letters[0].0)), "{:?}", letters[0]);
    for _ in 0..60 {
        becomes(&store, run, Running).await;
    }
    let Task::Letter(full) = &letters_of(&store).await[0].0.task else { panic!() };
    assert_eq!((full.changes.len(), full.left_out), (50, 11));
    becomes(&store, run, Completed).await;
    let due = store.due_actions(&scope, true, now(), 9).await.unwrap();
    let Task::Letter(last) = &due[1].task else { panic!("{due:?}") };
    assert_eq!((due.len(), last.state(), last.left_out), (2, Completed, 12));
    assert_eq!(store.due_actions(&scope, false, now(), 9).await.unwrap(), []);
    // It is deleted as old as calls are.
    for action in &due {
        store.actions_tried(&scope, &[(action, Tried::Done("taken".into()))], now()).await.unwrap();
    }
    let kinds: Vec<String> = crate::engine::query_scalar("SELECT kind FROM event WHERE kind LIKE 'run.letter%'")
        .fetch_all(store.readers())
        .await
        .unwrap();
    assert_eq!(kinds, ["run.letter_sent", "run.letter_sent"]);
    let keep = crate::Retention { attempts_days: 90, ..crate::Retention::default() };
    let later = now().plus_seconds(91 * 86_400);
    assert_eq!(store.sweep(&scope, keep, later).await.unwrap().letters, 2);
}

async fn a_letter_that_grew_while_it_was_sent_is_sent_again(home: Home) {
    let (store, _, run) = written_about(&home, RunMailEvents::Completed).await;
    let scope = Scope::installation();
    becomes(&store, run, RunState::Running).await;
    assert!(letters_of(&store).await.is_empty(), "its end alone is told");
    let mail = RunMail { events: RunMailEvents::All, to: vec!["ana@example.com".into()] };
    let campaign = store.campaigns(&scope).await.unwrap().remove(0);
    store.update_campaign(&scope, &Campaign { mail, ..campaign }, "ana").await.unwrap();
    becomes(&store, run, RunState::Idle).await;
    let read = letters_of(&store).await.remove(0).0;
    becomes(&store, run, RunState::Running).await;
    store.actions_tried(&scope, &[(&read, Tried::Done("taken".into()))], now()).await.unwrap();
    let (now_it_is, told) = letters_of(&store).await.remove(0);
    assert_eq!((now_it_is.state, told.len()), (ActionState::Waiting, 2));
    store.actions_tried(&scope, &[(&now_it_is, Tried::Done("taken".into()))], now()).await.unwrap();
    assert_eq!(letters_of(&store).await[0].0.state, ActionState::Done);
}
