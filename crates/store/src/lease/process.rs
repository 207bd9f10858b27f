//! Which process holds a lease, and whether it is dead.

use std::fs;

/// `<host> process <pid>`, for people.
pub(super) fn holder() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{} process {}", if host.is_empty() { "this host" } else { host }, std::process::id())
}

/// This process, unlike any other of any machine: boot, space of process ids, process id, start. Empty when the system
/// does not tell: then nobody can say that we are dead.
pub(super) fn identity() -> String {
    let pid = std::process::id();
    let parts = || Some(format!("{} {pid} {}", space()?, started(pid)?));
    parts().unwrap_or_default()
}

/// Whether the process of an [`identity`] is certainly dead. One of another machine, or of another container, is not.
pub(super) fn is_dead(identity: &str) -> bool {
    let mut parts = identity.rsplitn(3, ' ');
    let (Some(start), Some(pid), Some(theirs)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(pid) = pid.parse() else { return false };
    space().is_some_and(|ours| ours == theirs) && started(pid).is_none_or(|now| now != start)
}

/// The running kernel and the space of process ids in it.
fn space() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// When a process began, in the kernel's ticks; `None`: there is none, or only its exit code is left.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; behind its bracket come the state and 18 fields more.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_dead_and_a_dead_one_is() {
        assert!(!is_dead(&identity()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let theirs = format!("{} {} {}", space().unwrap(), child.id(), started(child.id()).unwrap());
        assert!(!is_dead(&theirs));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_dead(&theirs));
        let reused = format!("{} {} 1", space().unwrap(), std::process::id());
        assert!(is_dead(&reused), "another process with its number is not it");
    }

    #[test]
    fn of_another_machine_nothing_is_known() {
        for identity in ["", "x", "another-boot pid:[1] 1 1"] {
            assert!(!is_dead(identity), "{identity:?}");
        }
    }
}
