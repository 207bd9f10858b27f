use super::*;
use std::time::Duration;

const SECOND: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

fn event(seq: i64, contact: i64) -> Arc<LogEvent> {
    Arc::new(LogEvent {
        seq,
        entity: "attempt".into(),
        entity_id: seq,
        kind: "attempt.ended".into(),
        campaign: Some(1),
        contact: Some(contact),
        json: format!("{{\"seq\":{seq}}}"),
    })
}

fn lane(id: i64) -> LaneKey {
    LaneKey { entity: "contact".into(), id }
}

fn queue(events: &[(i64, i64)]) -> Queue {
    let mut queue = Queue::new(3, 0, BTreeMap::new(), Vec::new());
    let upto = events.last().map_or(0, |(seq, _)| *seq);
    queue.read(events.iter().map(|(seq, contact)| event(*seq, *contact)), upto);
    queue
}

/// Everything that may go now.
fn all(queue: &mut Queue, now: Timestamp) -> Vec<Job> {
    std::iter::from_fn(|| queue.next(now)).collect()
}

fn seqs(jobs: &[Job]) -> Vec<i64> {
    let seq = |job: &Job| match job {
        Job::Fresh(event) => event.seq,
        Job::Lane(_, seq) | Job::Dead(seq) => *seq,
    };
    jobs.iter().map(seq).collect()
}

#[test]
fn a_contacts_events_go_one_by_one_and_others_beside_them() {
    let mut queue = queue(&[(1, 7), (2, 7), (3, 8)]);
    let jobs = all(&mut queue, at(0));
    assert_eq!(seqs(&jobs), [1, 3]);
    queue.taken(&jobs[1], at(1));
    assert!(all(&mut queue, at(1)).is_empty());
    assert_eq!(queue.progress().unwrap().place, 0, "1 is on its way");
    queue.taken(&jobs[0], at(1));
    let rest = all(&mut queue, at(1));
    assert_eq!(seqs(&rest), [2]);
    assert_eq!(queue.progress().unwrap().place, 1);
    queue.taken(&rest[0], at(2));
    let progress = queue.progress().unwrap();
    assert_eq!((progress.place, progress.delivered), (3, 1));
    assert_eq!(queue.progress(), None);
}

#[test]
fn a_lane_that_fails_waits_longer_and_longer_and_holds_nobody_up() {
    let mut queue = queue(&[(1, 7), (2, 8), (3, 7)]);
    let jobs = all(&mut queue, at(0));
    queue.failed(&jobs[0], "answered 500", None, at(0));
    queue.taken(&jobs[1], at(0));
    assert!(all(&mut queue, at(0)).is_empty(), "3 waits behind 1");
    let progress = queue.progress().unwrap();
    assert_eq!(progress.place, 3, "what waits is in the lane's row");
    assert_eq!(progress.lanes[&lane(7)].as_ref().unwrap().seq, 1);
    assert!(all(&mut queue, Timestamp(700_000)).is_empty());
    let again = all(&mut queue, at(2));
    assert_eq!(again, [Job::Lane(lane(7), 1)]);
    queue.taken(&again[0], at(2));
    queue.goes_on(&lane(7), Some(3), at(2));
    let again = all(&mut queue, at(2));
    assert_eq!(again, [Job::Lane(lane(7), 3)]);
    queue.taken(&again[0], at(2));
    queue.goes_on(&lane(7), None, at(2));
    assert_eq!(queue.progress().unwrap().lanes[&lane(7)], None);
    queue.read([event(4, 7)].into_iter(), 4);
    assert_eq!(seqs(&all(&mut queue, at(3))), [4], "the lane goes on with the rest");
}

#[test]
fn an_event_dies_only_while_the_receiver_takes_others() {
    let mut queue = queue(&[(1, 7)]);
    let job = all(&mut queue, at(0)).remove(0);
    queue.failed(&job, "answered 400", None, at(0));
    let mut now = at(0);
    let mut tried = |queue: &mut Queue| loop {
        now = now.plus_ms(60_000);
        if let Some(job) = queue.next(now) {
            return (queue.failed(&job, "answered 400", None, now), job);
        }
    };
    for _ in 0..10 {
        assert!(!tried(&mut queue).0, "nothing else was taken: it is the receiver");
    }
    assert!(queue.is_down() && !queue.has_room());
    queue.read([event(2, 8)].into_iter(), 2);
    let other = loop {
        let job = queue.next(at(1_000_000)).unwrap();
        if matches!(job, Job::Fresh(_)) {
            break job;
        }
        queue.failed(&job, "answered 400", None, at(1_000_000));
        queue.down_until = None;
    };
    queue.taken(&other, at(1_000_000));
    assert!(!queue.is_down());
    let again = queue.next(at(2_000_000)).unwrap();
    assert!(queue.failed(&again, "answered 400", None, at(2_000_000)), "it is given up");
    assert_eq!(queue.progress().unwrap().dead[&1].as_ref().unwrap().error, "answered 400");
}

#[test]
fn a_receiver_that_is_away_is_asked_less_and_less_and_parks_few() {
    let events: Vec<(i64, i64)> = (1..=500).map(|n| (n, n)).collect();
    let mut queue = queue(&events);
    let (mut asked, mut last) = (Vec::new(), 0);
    for second in 0..100_000 {
        for job in all(&mut queue, at(second)) {
            asked.push(second - last);
            last = second;
            queue.failed(&job, "could not be reached", None, at(second));
        }
    }
    assert!(asked.len() < 60, "{} requests in a day", asked.len());
    assert!(asked[asked.len() - 3..].iter().all(|wait| (2_800..4_400).contains(wait)), "{asked:?}");
    assert!(queue.lanes.len() < 40, "{}", queue.lanes.len());
    // It is back: the next try is taken, and everything goes at once.
    let job = queue.next(at(200_000)).unwrap();
    assert!(all(&mut queue, at(200_000)).is_empty(), "one at a time");
    queue.taken(&job, at(200_000));
    if let Job::Lane(key, _) = &job {
        queue.goes_on(key, None, at(200_000));
    }
    assert!(all(&mut queue, at(200_000)).len() > 2);
}

#[test]
fn a_receivers_wish_is_kept_up_to_an_hour() {
    for (asked_ms, at_least) in [(120_000, 120), (999_999_999, 3_600)] {
        let mut queue = queue(&[(1, 7)]);
        let job = queue.next(at(0)).unwrap();
        queue.failed(&job, "answered 429", Some(asked_ms), at(0));
        let due = queue.wake_at().unwrap();
        assert!(due >= at(at_least) && due <= at(at_least + 1), "{due:?}");
    }
}

#[test]
fn what_is_parked_or_dead_in_the_database_is_taken_up_again() {
    let parked = Lane { seq: 5, tries: 2, due_at: at(0), error: "answered 500".into() };
    let dead = Dead { seq: 3, tries: 3, error: "answered 400".into(), at: at(0), again: true };
    let mut queue = Queue::new(3, 9, BTreeMap::from([(lane(7), parked)]), vec![dead]);
    queue.read([event(10, 7), event(11, 8)].into_iter(), 11);
    let jobs = all(&mut queue, at(1));
    assert_eq!(jobs, [Job::Lane(lane(7), 5), Job::Dead(3), Job::Fresh(event(11, 8))]);
    queue.failed(&jobs[1], "answered 400", None, at(1));
    queue.taken(&jobs[0], at(1));
    let progress = queue.progress().unwrap();
    let dead = progress.dead[&3].as_ref().unwrap();
    assert!(!dead.again && dead.tries == 4);
    assert_eq!(progress.place, 10, "11 is on its way");
    assert_eq!(Duration::from_secs(3_600), backoff::LONGEST);
}

#[test]
fn every_try_is_told_with_its_number() {
    let mut queue = queue(&[(1, 7), (2, 8)]);
    let jobs = all(&mut queue, at(0));
    let refused = || Answer::Refused("answered 500".into());
    queue.told(&jobs[0], refused(), 12, at(1));
    queue.failed(&jobs[0], "answered 500", None, at(1));
    queue.told(&jobs[1], Answer::Taken(204), 3, at(1));
    queue.taken(&jobs[1], at(1));
    let again = all(&mut queue, at(9));
    queue.told(&again[0], refused(), 5, at(9));
    queue.failed(&again[0], "answered 500", None, at(9));
    let told: Vec<_> =
        queue.progress().unwrap().told.into_iter().map(|told| (told.seq, told.number, told.answer)).collect();
    assert_eq!(told, [(1, 1, refused()), (2, 1, Answer::Taken(204)), (1, 2, refused())]);
    // One that was given up is counted on from there.
    let dead = Dead { seq: 5, tries: 20, error: "answered 400".into(), at: at(0), again: true };
    let mut queue = Queue::new(3, 9, BTreeMap::new(), vec![dead]);
    let job = queue.next(at(10)).unwrap();
    queue.told(&job, Answer::Taken(200), 1, at(10));
    queue.taken(&job, at(10));
    let progress = queue.progress().unwrap();
    assert_eq!((progress.told[0].number, progress.dead[&5].is_none()), (21, true));
}
