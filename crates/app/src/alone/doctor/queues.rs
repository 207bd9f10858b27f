//! Queues that end points observe: whether somebody lets us in who tells of them, and whether they are there.

use super::ami::enter;
use super::finding::Finding;
use ami::{Outcome, Secret, Settings};
use domain::{EndPoint, Manager, Pbx};

/// A finding per end point that observes a queue of this PBX. `password` is that of the manager user; over AMI of its own.
pub(super) async fn examine(pbx: &Pbx, password: &str, end_points: impl Iterator<Item = &EndPoint>) -> Vec<Finding> {
    let observing: Vec<(&EndPoint, &str)> =
        end_points.filter_map(|one| Some((one, one.queue.as_ref()?.name.as_str()))).collect();
    if observing.is_empty() {
        return Vec::new();
    }
    let own = || Manager { host: pbx.host.clone(), port: pbx.port, username: pbx.username.clone() };
    let Manager { host, port, username } = pbx.manager.clone().unwrap_or_else(own);
    let place = format!("{host}:{port}");
    let (client, mut told) = match ami::connect(Settings::new(host, port, username, Secret::new(password))) {
        Ok(link) => link,
        Err(why) => return vec![Finding::failed("queue", why, "carillon pbx set --help").about(&pbx.name)],
    };
    let listed = match enter(&mut told, &place).await {
        Ok(_) => client.queues().await,
        Err(mut finding) => {
            client.link().shutdown();
            finding.check = "queue";
            return vec![finding.about(&pbx.name)];
        }
    };
    client.link().shutdown();
    let judged = observing
        .iter()
        .map(|(end_point, queue)| judge(queue, &listed).about(format!("{} of {}", end_point.name, pbx.name)));
    judged.collect()
}

fn judge(queue: &str, listed: &Outcome<Vec<ami::Queue>>) -> Finding {
    let Outcome::Done(queues) = listed else {
        return Finding::unknown(
            "queue",
            "the PBX does not list its queues",
            "is app_queue loaded? see Asterisk's log",
        );
    };
    match queues.iter().find(|known| known.name == queue) {
        Some(known) => Finding::ok("queue", format!("queue {queue} is there, with {} agents", known.members.len())),
        None => Finding::failed(
            "queue",
            format!("the PBX has no queue {queue}: nothing is dialled for it"),
            "compare with queues.conf, or: carillon endpoint set --queue",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_queue_that_is_not_there_is_named() {
        let known = ami::Queue { name: "999".into(), ..ami::Queue::default() };
        let listed = Outcome::Done(vec![known]);
        assert_eq!(judge("999", &listed).state, State::Ok);
        assert_eq!(judge("998", &listed).state, State::Failed);
        let silent = Outcome::Unknown(ami::Unknown::Deadline);
        assert_eq!(judge("999", &silent).state, State::Unknown);
    }
}
