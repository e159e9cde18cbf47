//! Breadth first through all worlds, then backwards from those that are at rest.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use portkey_sync::handoff::Rules;

use crate::world::{Start, World};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many mishaps there are at most.
    pub(crate) mishaps: u8,
    /// How many worlds are looked at before the search is given up.
    pub(crate) states: usize,
}

/// What a search that was given up says.
pub(crate) const GIVEN_UP: &str = "given up";

pub(crate) struct Count {
    pub(crate) states: usize,
    pub(crate) at_rest: usize,
}

/// A world that must not be, and how it came about.
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    path: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        for event in &self.path {
            writeln!(f, "  {event}")?;
        }
        Ok(())
    }
}

struct Node {
    from: Option<(usize, String)>,
    /// The worlds that lead here by what is no mishap.
    before: Vec<usize>,
}

pub(crate) fn search(start: Start, rules: &Rules, limits: Limits) -> Result<Count, Finding> {
    let first = World::new(start);
    let mut numbers = HashMap::from([(first.clone(), 0)]);
    let mut worlds = vec![first];
    let mut nodes = vec![Node { from: None, before: Vec::new() }];
    let mut queue = VecDeque::from([0]);
    let mut at_rest = Vec::new();
    while let Some(index) = queue.pop_front() {
        if worlds.len() > limits.states {
            return Err(finding(GIVEN_UP, index, &nodes));
        }
        let world = worlds[index].clone();
        if let Some(what) = world.fault(rules) {
            return Err(finding(what, index, &nodes));
        }
        if world.is_at_rest(rules) {
            at_rest.push(index);
        }
        for successor in world.successors(rules, limits.mishaps) {
            let next = *numbers.entry(successor.world).or_insert_with_key(|world| {
                worlds.push(world.clone());
                nodes.push(Node { from: Some((index, successor.event.clone())), before: Vec::new() });
                queue.push_back(worlds.len() - 1);
                worlds.len() - 1
            });
            if !successor.mishap {
                nodes[next].before.push(index);
            }
        }
    }
    let mut leads_to_rest = vec![false; worlds.len()];
    let mut queue: VecDeque<usize> = at_rest.iter().copied().collect();
    while let Some(index) = queue.pop_front() {
        if !std::mem::replace(&mut leads_to_rest[index], true) {
            queue.extend(nodes[index].before.iter().copied());
        }
    }
    match leads_to_rest.iter().position(|leads| !leads) {
        Some(index) => Err(finding("no way to the end", index, &nodes)),
        None => Ok(Count { states: worlds.len(), at_rest: at_rest.len() }),
    }
}

fn finding(what: &'static str, mut index: usize, nodes: &[Node]) -> Finding {
    let mut path = Vec::new();
    while let Some((from, event)) = &nodes[index].from {
        path.push(event.clone());
        index = *from;
    }
    path.reverse();
    Finding { what, path }
}
