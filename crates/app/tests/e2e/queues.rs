//! End points behind which agents wait in a queue of a real Asterisk: what is dialled follows who is there, over both links.

use crate::world::{PATIENCE, World, brief, is_ami, ms};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::Proxy;

on_ami_too! {
    hw_nothing_is_dialled_without_agents_and_calls_follow_them_at_once;
    qe_figures_follow_members_callers_and_their_telephones;
    seven_free_agents_and_a_boost_of_1_3_are_nine_calls;
    callers_from_outside_come_first_and_too_many_are_named;
    nothing_is_dialled_while_nobody_knows_who_is_there;
}

/// A call rings, is answered and comes to an agent, on a busy machine.
const A_CALL: Duration = Duration::from_secs(20);
/// Long enough to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(1_500);

/// A world whose PBX can be observed, over ARI with a manager user beside it.
pub(crate) struct Floor {
    pub(crate) world: World,
    pub(crate) trunk: i64,
    /// Before the manager interface, over ARI.
    manager: Option<Proxy>,
}

impl Floor {
    pub(crate) fn start() -> Self {
        Self::with(World::start())
    }

    pub(crate) fn with(world: World) -> Self {
        let mut manager = None;
        if !is_ami() {
            let (ari, observer) = (world.login(), world.pair.pbx.manager());
            let proxy = Proxy::start(world.pair.ports.spare[1], observer.port).unwrap();
            let body = json!({"name": "office", "host": ari.host, "port": ari.port, "username": ari.user,
                "manager_username": observer.user, "manager_password": observer.password, "manager_port": proxy.port});
            world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&body)).unwrap();
            manager = Some(proxy);
        }
        let trunk = world.add_trunk("wide", json!({"capacity": 40}));
        Self { world, trunk, manager }
    }

    /// An end point that observes a queue; its extension is called like the queue.
    pub(crate) fn observing(&self, name: &str, queue: &str, changes: Value) -> i64 {
        let body = json!({"pbx": self.world.pbx, "name": name, "kind": "QUEUE", "queue": queue, "max_channels": 10,
            "context": "carillon-demo", "extension": queue});
        let end_point = self.world.create("end-points", crate::world::merged(body, changes));
        self.until(name, "observed", |queue| queue["observed"] == true);
        end_point
    }

    /// What is live of the queue of an end point.
    pub(crate) fn queue(&self, end_point: &str) -> Value {
        let live = self.world.live();
        let end_points = live["end_points"].as_array().unwrap();
        end_points.iter().find(|one| one["name"] == end_point).unwrap()["queue"].clone()
    }

    #[track_caller]
    pub(crate) fn until(&self, end_point: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.world.wait(what, PATIENCE, || {
            let queue = self.queue(end_point);
            if wanted(&queue) { Ok(queue) } else { Err(queue.to_string()) }
        })
    }

    pub(crate) fn cli(&self, line: &str) {
        let answer = self.world.pair.pbx.cli(line).unwrap();
        let refused = ["Unable", "No such", "Invalid", "Usage"].iter().any(|word| answer.contains(word));
        assert!(!refused, "{line}: {answer}");
    }

    pub(crate) fn log_on(&self, agent: u32, queue: &str) {
        self.cli(&format!("queue add member Local/{agent}@carillon-agents/n to {queue}"));
    }

    /// The same with a telephone whose state is told.
    pub(crate) fn log_on_with_device(&self, agent: u32, queue: &str) {
        let device = format!("Custom:agent{agent}");
        self.cli(&format!("devstate change {device} NOT_INUSE"));
        let member = format!("Local/{agent}@carillon-agents/n");
        self.cli(&format!("queue add member {member} to {queue} penalty 0 as agent{agent} state_interface {device}"));
    }

    pub(crate) fn log_off(&self, agent: u32, queue: &str) {
        self.cli(&format!("queue remove member Local/{agent}@carillon-agents/n from {queue}"));
    }

    pub(crate) fn pause(&self, agent: u32, queue: &str) {
        self.cli(&format!("queue pause member Local/{agent}@carillon-agents/n queue {queue} reason lunch"));
    }

    pub(crate) fn unpause(&self, agent: u32, queue: &str) {
        self.cli(&format!("queue unpause member Local/{agent}@carillon-agents/n queue {queue}"));
    }

    /// The channel of an agent who was called first.
    pub(crate) fn agents_channel(&self) -> String {
        let shown = self.world.pair.pbx.cli("core show channels concise").unwrap();
        let agents = shown.lines().find(|line| line.starts_with("Local/") && line.contains(";1!")).unwrap_or_default();
        agents.split('!').next().unwrap_or_default().to_owned()
    }

    /// A caller from outside in a queue.
    pub(crate) fn inbound(&self, queue: &str) {
        self.cli(&format!("channel originate Local/10@carillon-agents/n extension {queue}@carillon-demo"));
    }

    /// Persons who talk until somebody hangs up, so many.
    pub(crate) fn people(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("15551201{n:03}")).collect()
    }

    /// A run that dials people for these end points.
    pub(crate) fn dial(&self, name: &str, people: &[String], end_points: &[i64], changes: Value) -> i64 {
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let base = json!({"trunks": [self.trunk], "end_points": end_points, "answer_timeout_ms": 20_000});
        self.world.dial(name, &people, crate::world::merged(base, changes))
    }

    /// Waits until so many attempts were made, and sees that no more are.
    #[track_caller]
    fn exactly(&self, run: i64, count: usize) -> Vec<Value> {
        let what = format!("{count} calls");
        self.world.wait_for_attempts(run, &what, A_CALL, |attempts| attempts.len() >= count);
        std::thread::sleep(A_WHILE);
        let attempts = self.world.attempts(run);
        assert_eq!(attempts.len(), count, "{}\n{:#}", brief(&attempts), self.world.live());
        attempts
    }
}

/// Milliseconds from a console command to the originate that follows from it.
fn reaction(before_ms: i64, attempt: &Value) -> i64 {
    ms(&attempt["requested_at"]) - before_ms
}

fn wall_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[test]
fn hw_nothing_is_dialled_without_agents_and_calls_follow_them_at_once() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("sales", "support", json!({"boost": 2}));
    // They ring for ten seconds and hang up.
    let numbers: Vec<String> = (0..50).map(|n| format!("15553110{n:03}")).collect();
    let run = floor.dial("hw", &numbers, &[end_point], json!({"idle_on_termination": true}));
    world.wait_for_state(run, "RUNNING", PATIENCE);
    std::thread::sleep(A_WHILE);
    assert!(world.attempts(run).is_empty(), "HW-1: nobody is there");
    assert_eq!(world.live_run(run)["why"], "nobody is logged on to the queue");
    let why = world.get(&format!("/api/campaigns/{}/why", world.live_run(run)["campaign"]));
    assert!(why["sentence"].as_str().unwrap().contains("0 of 0 agents of queue support free"), "{why:#}");

    let mut reactions = Vec::new();
    let began = wall_ms();
    floor.log_on(10, "support");
    let attempts = floor.exactly(run, 2);
    reactions.push(("log-in", reaction(began, &attempts[0])));
    let receipt = &world.timeline(&attempts[0]).1[0]["data"]["receipt"]["queue"];
    assert_eq!((&receipt["agents"], &receipt["boost_permille"]), (&json!(1), &json!(2_000)), "{receipt}");

    // HW-3: a pause stops, its end goes on; those who were on the way have ended meanwhile.
    floor.pause(10, "support");
    floor.until("sales", "a pause", |queue| queue["paused"] == 1 && queue["on_the_way"] == 0);
    std::thread::sleep(A_WHILE);
    assert_eq!(world.attempts(run).len(), 2, "HW-3: its only agent is paused");
    let began = wall_ms();
    floor.unpause(10, "support");
    let attempts = floor.exactly(run, 4);
    reactions.push(("unpause", reaction(began, &attempts[2])));

    // HW-4: six agents would be good for twelve.
    for agent in 11..=15 {
        floor.log_on(agent, "support");
    }
    floor.exactly(run, 10 + 2);
    assert_eq!(floor.queue("sales")["free"], 6);
    let why = &floor.queue("sales")["why"];
    assert_eq!(why, "every end point is full");
    println!("reaction in ms, console command included: {reactions:?}");
    for (what, took) in reactions {
        assert!(took <= 200, "{what} took {took} ms");
    }
}

#[test]
fn qe_figures_follow_members_callers_and_their_telephones() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("first", "support", json!({}));
    floor.observing("second", "sales", json!({}));
    floor.dial("idle", &[], &[end_point], json!({"idle_on_termination": true}));
    let is = |what: &str, end_point: &str, logged_on: u32, free: u32, waiting: u32| {
        floor.until(end_point, what, |queue| {
            (&queue["logged_on"], &queue["free"], &queue["waiting"])
                == (&json!(logged_on), &json!(free), &json!(waiting))
        });
    };
    // QE-1
    floor.log_on_with_device(10, "support");
    is("QE-1 added", "first", 1, 1, 0);
    floor.log_on_with_device(11, "support");
    floor.pause(11, "support");
    is("QE-1 paused", "first", 2, 1, 0);
    let agents = world.run(&["endpoint", "agents", "first"]).ok();
    assert!(agents.contains("paused") && agents.contains("lunch") && agents.contains("agent10"), "{agents}");
    floor.unpause(11, "support");
    is("QE-1 unpaused", "first", 2, 2, 0);
    // QE-3: a personal call
    floor.cli("devstate change Custom:agent11 INUSE");
    is("QE-3 talks", "first", 2, 1, 0);
    floor.cli("devstate change Custom:agent11 NOT_INUSE");
    is("QE-3 is back", "first", 2, 2, 0);
    // QE-4: an agent of two queues
    floor.cli(
        "queue add member Local/10@carillon-agents/n to sales penalty 0 as agent10 state_interface Custom:agent10",
    );
    is("QE-4 in both", "second", 1, 1, 0);
    floor.pause(11, "support");
    floor.inbound("support");
    is("QE-4 busy here", "first", 2, 0, 0);
    is("QE-4 and not free there", "second", 1, 0, 0);
    // QE-2: nobody takes the next one; then it gives up.
    floor.inbound("support");
    is("QE-2 waits", "first", 2, 0, 1);
    let talking = floor.until("first", "who talks", |_| true);
    assert_eq!(talking["why"], "no agent of the queue is free");
    // They talk for a while: of a conversation of no length Asterisk may tell the end before the middle, and its agent
    // counts as taken until the next audit.
    std::thread::sleep(Duration::from_secs(2));
    floor.cli("channel request hangup all");
    is("QE-2 all gone", "first", 2, 1, 0);
    floor.log_off(11, "support");
    is("QE-1 removed", "first", 1, 1, 0);
    assert_eq!(floor.queue("first")["missed"], 0, "no news was missed");
}

#[test]
fn seven_free_agents_and_a_boost_of_1_3_are_nine_calls() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("sales", "support", json!({"boost": 1.3, "max_channels": 30}));
    for agent in 10..17 {
        floor.log_on(agent, "support");
    }
    // They ring for twenty seconds.
    let numbers: Vec<String> = (0..40).map(|n| format!("15553120{n:03}")).collect();
    let run = floor.dial("nine", &numbers, &[end_point], json!({}));
    floor.exactly(run, 9);
    assert_eq!(floor.queue("sales")["on_the_way"], 9);
    // AP-12: the run's own boost counts at once, and is written down.
    let boosted = world.run_json(&["run", "boost", "nine", "2"]);
    assert_eq!(boosted["boost"], 2.0);
    floor.exactly(run, 18);
    assert_eq!(world.live_run(run)["boost"], 2.0);
    // An end point that may not be observed is refused with what to do.
    let body =
        json!({"pbx": world.pbx, "name": "x", "kind": "QUEUE", "context": "c", "extension": "1", "max_channels": 1});
    let (status, refused) = world.api.post("/api/end-points", &body).unwrap();
    assert_eq!((status, &refused["error"]["field"]), (422, &json!("queue")), "{refused}");
}

#[test]
fn callers_from_outside_come_first_and_too_many_are_named() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("sales", "support", json!({"max_channels": 30}));
    // QE-6: nobody answers for agents 20 to 23, and three callers ring there.
    for agent in 20..24 {
        floor.log_on(agent, "support");
    }
    for _ in 0..3 {
        floor.inbound("support");
    }
    floor.until("sales", "three telephones ring", |queue| queue["free"] == 1 && queue["waiting"] == 0);
    let run = floor.dial("rest", &Floor::people(20), &[end_point], json!({"idle_on_termination": true}));
    // The one call comes to the fourth agent, whose telephone rings then.
    floor.exactly(run, 1);
    floor.until("sales", "the fourth rings", |queue| queue["free"] == 0 && queue["on_the_way"] == 0);
    // What is live is told before it is on disk.
    world.wait_for_attempts(run, "its answer", PATIENCE, |attempts| attempts[0]["state"] == "CONNECTED");
    // HW-5: three more are one too many.
    for _ in 0..3 {
        floor.inbound("support");
    }
    let queue = floor.until("sales", "BK:W", |queue| queue["blocked_by_waiting"] == true);
    assert_eq!((&queue["waiting"], &queue["wanted"]), (&json!(3), &json!(0)), "{queue}");
    assert!(world.live_run(run)["why"].as_str().unwrap().contains("BK:W"));
    // It drains: two agents take their callers and those talk; dialling goes on when somebody is free again.
    floor.cli("channel request hangup all");
    floor.until("sales", "drained", |queue| queue["waiting"] == 0 && queue["blocked_by_waiting"] == false);
    world.wait_for_attempts(run, "dialling goes on", A_CALL, |attempts| attempts.len() > 1);
}

#[test]
fn nothing_is_dialled_while_nobody_knows_who_is_there() {
    // Over AMI the link itself is what is cut.
    let floor = Floor::with(if is_ami() { World::through_proxy() } else { World::start() });
    let world = &floor.world;
    let end_point = floor.observing("sales", "support", json!({"max_channels": 30}));
    floor.log_on(10, "support");
    // They ring for a second.
    let numbers: Vec<String> = (0..90).map(|n| format!("15553101{n:03}")).collect();
    let run = floor.dial("busy", &numbers, &[end_point], json!({"rules": []}));
    world.wait_for_attempts(run, "a few calls", A_CALL, |attempts| attempts.len() >= 2);
    let proxy = floor.manager.as_ref().unwrap_or_else(|| world.proxy());
    proxy.blackhole();
    let unseen = floor.until("sales", "out of sight", |queue| queue["observed"] == false);
    assert!(unseen["why"].as_str().unwrap().contains("not observed"), "{unseen}");
    let began = Instant::now();
    let before = world.attempts(run).len();
    std::thread::sleep(A_WHILE);
    let meanwhile = world.attempts(run).len();
    assert!(meanwhile <= before + 1, "{before} calls when it was lost, {meanwhile} after {:?}", began.elapsed());
    // The agent leaves while nobody sees it: that is known as soon as the link is back.
    floor.log_off(10, "support");
    proxy.heal();
    floor.until("sales", "seen again", |queue| queue["observed"] == true && queue["logged_on"] == 0);
    assert_eq!(world.attempts(run).len(), meanwhile, "nobody is there");
    floor.log_on(10, "support");
    world.wait_for_attempts(run, "dialling goes on", A_CALL, |attempts| attempts.len() > meanwhile);
}

#[test]
fn agents_of_two_queues_are_dialled_for_once_and_talk_to_those_who_answer() {
    let floor = Floor::start();
    let world = &floor.world;
    let ends = [floor.observing("first", "support", json!({})), floor.observing("second", "sales", json!({}))];
    let runs = [0, 1].map(|n| {
        let people: Vec<String> = (0..10).map(|of| format!("155512010{n}{of}")).collect();
        floor.dial(&format!("run {n}"), &people, &[ends[n]], json!({"forced_closure_s": 4}))
    });
    for agent in 10..13 {
        floor.log_on_with_device(agent, "support");
        let member = format!("Local/{agent}@carillon-agents/n");
        floor.cli(&format!(
            "queue add member {member} to sales penalty 0 as agent{agent} state_interface Custom:agent{agent}"
        ));
    }
    // Three agents in two queues: never more than three calls at once, whoever is dialled for.
    let mut most_on_the_way = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        let live = world.live();
        let on_the_way =
            live["end_points"].as_array().unwrap().iter().map(|one| one["queue"]["on_the_way"].as_u64().unwrap_or(0));
        most_on_the_way = most_on_the_way.max(on_the_way.sum());
        std::thread::sleep(Duration::from_millis(25));
    }
    let attempts: Vec<Value> = runs.iter().flat_map(|run| world.attempts(*run)).collect();
    // From answer to end: an agent may be told to be free before the end of his call is told over the other connection.
    let talk = |of: &Value| Some((of["connected_at"].as_str()?.to_owned(), of["ended_at"].as_str().map(str::to_owned)));
    let talks: Vec<(String, Option<String>)> = attempts.iter().filter_map(talk).collect();
    let at_once =
        |at: &String| talks.iter().filter(|(from, to)| from <= at && to.as_ref().is_none_or(|to| at < to)).count();
    let most = talks.iter().map(|(at, _)| at_once(at)).max().unwrap_or(0);
    assert!(
        most <= 3 && most_on_the_way <= 3,
        "{most} calls at once, {most_on_the_way} on the way\n{}",
        brief(&attempts)
    );
    assert!(attempts.len() >= 6, "they take one call after the other: {}", brief(&attempts));
    println!("{} calls to three agents of two queues, at most {most} at once", attempts.len());
}
