//! Failures that the silence of a host explains: told once a host, with their number.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Monitor, Problem};

/// A host that did not answer, and how it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTrouble {
    /// The host, with scheme and port.
    pub host: String,
    /// How it failed: `connection refused`.
    pub why: String,
}

/// Problems by the host that is the reason, until all are known.
#[derive(Debug, Default)]
pub struct ByHost {
    hosts: Mutex<BTreeMap<String, Troubles>>,
}

#[derive(Debug)]
struct Troubles {
    why: String,
    problems: Vec<Problem>,
}

/// So few problems with a host are told one by one.
const FEW: usize = 2;
/// More hosts are told in one line.
const MOST_HOSTS: usize = 5;

impl ByHost {
    /// Whether a host has so many problems that they are told in one line.
    pub fn is_many(count: usize) -> bool {
        count > FEW
    }

    /// Takes a problem whose reason is that a host does not answer.
    pub fn add(&self, trouble: HostTrouble, problem: Problem) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let troubles = hosts.entry(trouble.host).or_insert_with(|| Troubles {
            why: trouble.why,
            problems: Vec::new(),
        });
        troubles.problems.push(problem);
    }

    /// Tells them all: `what` names what was wanted of the hosts (`packages`), `ways_out` what
    /// can be done.
    pub fn tell(&self, what: &str, ways_out: &str, monitor: &dyn Monitor) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hosts: Vec<(String, Troubles)> = std::mem::take(&mut *hosts).into_iter().collect();
        hosts.sort_by_key(|(_, troubles)| std::cmp::Reverse(troubles.problems.len()));
        let (mut further, mut further_problems) = (0, 0);
        for (place, (host, troubles)) in hosts.into_iter().enumerate() {
            let count = troubles.problems.len();
            if !Self::is_many(count) && place < MOST_HOSTS {
                for problem in &troubles.problems {
                    monitor.problem(problem);
                }
                continue;
            }
            for problem in &troubles.problems {
                monitor.single(problem);
            }
            if place < MOST_HOSTS {
                let text = format!("{}: {count} {what}; {ways_out}", troubles.why);
                monitor.problem(&Problem::text(host, text));
            } else {
                further += 1;
                further_problems += count;
            }
        }
        if further > 0 {
            let text = format!("they do not answer: {further_problems} {what}; {ways_out}");
            monitor.problem(&Problem::text(format!("{further} further hosts"), text));
        }
    }
}
