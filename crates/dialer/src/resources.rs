//! PBXs, trunks and end points, and how much of each is in use. Shared by all runs.

use crate::circuit::CircuitBreaker;
use crate::event::{EndPointSpec, PbxSpec, TrunkSpec};
use crate::rate::Rate;
use crate::runs::Run;
use domain::{EndPointId, PbxId, RunId, TrunkId};
use std::collections::BTreeMap;

/// A PBX.
#[derive(Debug)]
pub struct Pbx {
    /// Connected and reconciled.
    pub up: bool,
    /// Its cap on originates.
    pub rate: Rate,
    /// People who find no agent hear a message there: its dialplan has the safe harbour.
    pub harbour: bool,
}

/// A trunk.
#[derive(Debug)]
pub struct Trunk {
    /// As configured.
    pub spec: TrunkSpec,
    /// Attempts that occupy it.
    pub in_use: u32,
    /// Its calls per second.
    pub rate: Rate,
    /// Attempts on disk that wait for its rate or its PBX's.
    pub waiting: u32,
    /// Its circuit breaker.
    pub circuit: CircuitBreaker,
    /// Deleted: takes no new call.
    pub removed: bool,
}

/// An end point.
#[derive(Debug)]
pub struct EndPoint {
    /// As configured.
    pub spec: EndPointSpec,
    /// Attempts that occupy it.
    pub in_use: u32,
    /// Of these, by run, those that have not come to a queue.
    pub on_the_way: BTreeMap<RunId, u32>,
    /// Deleted: takes no new call.
    pub removed: bool,
}

impl EndPoint {
    /// A call towards it begins, or is found after a restart.
    pub(crate) fn approached(&mut self, run: RunId) {
        *self.on_the_way.entry(run).or_default() += 1;
    }

    /// A call of the run came to a queue, or ended before.
    pub(crate) fn arrived(&mut self, run: RunId) {
        if let Some(calls) = self.on_the_way.get_mut(&run) {
            *calls -= 1;
            if *calls == 0 {
                self.on_the_way.remove(&run);
            }
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Resources {
    /// By id.
    pub pbxs: BTreeMap<PbxId, Pbx>,
    /// By id.
    pub trunks: BTreeMap<TrunkId, Trunk>,
    /// By id.
    pub end_points: BTreeMap<EndPointId, EndPoint>,
}

impl Resources {
    /// The end points of a run, those that were deleted included.
    pub(crate) fn end_points_of(&self, run: &Run) -> impl Iterator<Item = &EndPoint> {
        run.settings.end_points.iter().filter_map(|id| self.end_points.get(id))
    }

    /// Adds or changes a PBX.
    pub fn configure_pbx(&mut self, spec: PbxSpec) {
        let per_second = spec.originates_per_second.max(1);
        self.pbxs.entry(spec.id).and_modify(|pbx| pbx.rate.set(per_second)).or_insert_with(|| Pbx {
            up: false,
            rate: Rate::new(per_second),
            harbour: false,
        });
    }

    /// Adds or changes a trunk; calls on it go on.
    pub fn configure_trunk(&mut self, spec: TrunkSpec) {
        let trunk = self.trunks.entry(spec.id).or_insert_with(|| Trunk {
            spec,
            in_use: 0,
            rate: Rate::new(spec.calls_per_second),
            waiting: 0,
            circuit: CircuitBreaker::default(),
            removed: false,
        });
        trunk.rate.set(spec.calls_per_second);
        trunk.spec = spec;
        trunk.removed = false;
    }

    /// Adds or changes an end point; calls to it go on.
    pub fn configure_end_point(&mut self, spec: EndPointSpec) {
        let end_point = self.end_points.entry(spec.id).or_insert_with(|| EndPoint {
            spec: spec.clone(),
            in_use: 0,
            on_the_way: BTreeMap::new(),
            removed: false,
        });
        end_point.spec = spec;
        end_point.removed = false;
    }

    /// Counts an attempt in. A trunk or end point that is not configured (deleted before a restart) is counted too, as
    /// one that takes no new call.
    pub fn occupy(&mut self, pbx: PbxId, trunk: TrunkId, end_point: EndPointId) {
        if !self.trunks.contains_key(&trunk) {
            let gone = TrunkSpec { id: trunk, pbx, capacity: 0, calls_per_second: 0, progress_timeout_ms: 0 };
            self.configure_trunk(gone);
        }
        if !self.end_points.contains_key(&end_point) {
            self.configure_end_point(EndPointSpec { id: end_point, pbx, max_channels: 0, queue: None });
        }
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.in_use += 1;
        }
        if let Some(end_point) = self.end_points.get_mut(&end_point) {
            end_point.in_use += 1;
        }
    }

    /// Counts an attempt out.
    pub fn release(&mut self, trunk: TrunkId, end_point: EndPointId) {
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.in_use = trunk.in_use.saturating_sub(1);
        }
        if let Some(end_point) = self.end_points.get_mut(&end_point) {
            end_point.in_use = end_point.in_use.saturating_sub(1);
        }
    }
}
