//! Hints in, events out: read the tickets, compare them with what is stored, publish the differences.
//!
//! The order of the steps is a guarantee. The snapshot is read before the ticket, so that whatever is written under the
//! snapshot's version is newer than it. Events are stored with the snapshot, in one item, before they are published and written to
//! the journal; what a crash leaves undone of the two is in the snapshot's outbox and is done at the next check.

mod batch;
mod clocks;
mod deadline;
mod enricher;
mod found_by;
mod inbound;
mod list;
mod paused;
mod plan;
mod publish;
mod reminders;
mod salvage;
mod side_by_side;
mod visit;

pub use enricher::Enricher;
