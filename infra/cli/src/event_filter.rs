//! Which events are wanted, by what they say: one filter for the console's page of events, `automations replay` and, as far as a message
//! says it, the dead letters.

use crate::filter_policy::FilterPolicy;
use automations::id::{OrganisationId, TicketId};
use automations::strum::VariantNames as _;
use automations::{Event, EventKind};

/// The kinds of cause, as in `cause.by`.
pub const CAUSES: [&str; 3] = ["webhook", "reconciler", "action"];

/// Which events are wanted. What is not given is not asked for; workflows, stages and labels are given by name or id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    /// The brokerage.
    pub organisation: Option<OrganisationId>,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The kind, as in `type`.
    pub kind: Option<String>,
    /// The workflow that the ticket is in afterwards.
    pub workflow: Option<String>,
    /// The stage that the ticket is in afterwards.
    pub stage: Option<String>,
    /// A label that the ticket has, or lost.
    pub label: Option<String>,
    /// What led to the event, as in `cause.by`.
    pub cause: Option<String>,
    /// The filter policies of a handler's subscriptions: what it receives, as it is deployed now.
    pub policies: Option<Vec<FilterPolicy>>,
}

impl EventFilter {
    /// The events of this ticket.
    pub fn of_ticket(ticket: TicketId) -> Self {
        Self { ticket: Some(ticket), ..Self::default() }
    }

    /// Whether a journal entry with this key may have such events.
    pub fn takes_key(&self, organisation: &OrganisationId, ticket: &TicketId) -> bool {
        self.organisation.as_ref().is_none_or(|wanted| wanted == organisation)
            && self.ticket.as_ref().is_none_or(|wanted| wanted == ticket)
    }

    /// Whether an event is wanted.
    pub fn takes(&self, event: &Event) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        let names =
            |wanted: &Option<String>, is_named: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is_named);
        let ticket = event.ticket();
        self.organisation.as_ref().is_none_or(|wanted| *wanted == event.organisation)
            && self.ticket.as_ref().is_none_or(|wanted| event.ticket_id() == Some(wanted))
            && is(&self.kind, event.kind.name())
            && is(&self.cause, event.cause.by())
            && names(&self.workflow, &|name| ticket.is_some_and(|ticket| ticket.workflow.is_named(name)))
            && names(&self.stage, &|name| ticket.is_some_and(|ticket| ticket.stage.is_named(name)))
            && names(&self.label, &|name| has_label(event, name))
            && self.policies.as_ref().is_none_or(|all| all.iter().any(|policy| policy.accepts(event)))
    }
}

/// Whether the ticket has a label, or the event says that it lost it.
pub(crate) fn has_label(event: &Event, name: &str) -> bool {
    let lost = match &event.kind {
        EventKind::LabelRemoved { label, .. } => label.is_named(name),
        _ => false,
    };
    lost || event.ticket().is_some_and(|ticket| ticket.labels.iter().any(|label| label.is_named(name)))
}

/// The kinds of events that the journal has.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    EventKind::VARIANTS.iter().copied().filter(|kind| kind.starts_with("ticket."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{a_ticket, stage_changed};

    #[test]
    fn each_part_takes_what_it_names_by_name_or_id_and_nothing_else() {
        let moved = stage_changed("Approved", "Settled");
        let labelled = a_ticket().in_workflow("Loans").gets_label("VIP");
        let all = EventFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let policy = FilterPolicy::parse("{\"type\": [\"ticket.label_added\"]}").unwrap();
        let cases = [
            (all(), true, true),
            (EventFilter { kind: text("ticket.stage_changed"), ..all() }, true, false),
            (EventFilter { kind: text("nothing"), ..all() }, false, false),
            (EventFilter { stage: text("Settled"), ..all() }, true, false),
            (EventFilter { stage: text("stage-settled"), ..all() }, true, false),
            (EventFilter { workflow: text("Loans"), ..all() }, false, true),
            (EventFilter { label: text("VIP"), ..all() }, false, true),
            (EventFilter { cause: text("webhook"), ..all() }, true, true),
            (EventFilter { cause: text("action"), ..all() }, false, false),
            (EventFilter { policies: Some(vec![policy]), ..all() }, false, true),
            (EventFilter { organisation: "south".parse().ok(), ..all() }, false, false),
            (EventFilter::of_ticket("ticket-1".parse().unwrap()), true, true),
            (EventFilter::of_ticket("ticket-9".parse().unwrap()), false, false),
            (
                EventFilter { kind: text("ticket.label_added"), label: text("Refinance"), ..all() },
                false,
                false,
            ),
        ];
        for (number, (filter, of_moved, of_labelled)) in cases.into_iter().enumerate() {
            assert_eq!((filter.takes(&moved), filter.takes(&labelled)), (of_moved, of_labelled), "{number}");
        }
        let lost = a_ticket().with_label("VIP").loses_label("VIP");
        assert!(EventFilter { label: text("VIP"), ..all() }.takes(&lost));
    }

    #[test]
    fn the_causes_are_those_of_events() {
        assert!(CAUSES.contains(&stage_changed("a", "b").cause.by()));
        assert!(kinds().count() > 10 && kinds().all(|kind| kind != "inbound"));
    }
}
