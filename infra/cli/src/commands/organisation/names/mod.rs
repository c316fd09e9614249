//! Whether what the handlers' entries name is at Salestrekker, before an event or an action depends on it.

mod in_force;
mod mention;
mod vendor;

pub use mention::Thing;
pub use vendor::Verdict;

use super::Organisations;
use crate::handler_entries::{Clients, Entries, Source, deployed, deployed_age_rules};
use anyhow::Result;
use automations::aws::secret::Secrets;
use automations::clock;
use automations::failure::chain;
use automations::id::OrganisationId;
use automations::salestrekker::{Client, Limits};
use in_force::in_force;
use mention::Mentions;
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use vendor::Vendor;

/// For all names of an organisation, and for the entries of a stack.
const LONGEST: Duration = Duration::from_mins(1);
const TOO_LATE: &str = "there was no result within a minute";

/// What a comparison with an organisation's API found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Where the entries were read.
    pub source: Source,
    /// The number of names that were compared.
    pub names_checked: usize,
    /// The names that are not exactly one thing.
    pub names: Vec<Finding>,
    /// The names in the rules for ages of some stages that are not exactly one thing. No problem: a rule may be for another organisation.
    pub age_rules: Vec<Finding>,
    /// What could not be compared, in a sentence each.
    pub unchecked: Vec<String>,
    /// The inferred fields that the API's schema lacks: they are left out of requests, and the rest is read.
    pub missing_fields: Vec<String>,
}

/// A name that is not exactly one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry's name.
    pub handler: String,
    /// Where it is named, such as `Settings.label`.
    pub at: String,
    /// What it should be the name of.
    pub thing: Thing,
    /// The name.
    pub name: String,
    /// What is wrong.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Comparison {
    /// Whether a name does not exist, or is the name of several, or something could not be compared.
    pub fn has_problem(&self) -> bool {
        let is_wrong = |finding: &Finding| match finding.verdict {
            Verdict::NotFound { .. } | Verdict::AmbiguousName { .. } => true,
            Verdict::NotVerifiable => false,
        };
        !self.unchecked.is_empty() || self.names.iter().any(is_wrong)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Deployed => "the deployed entries",
            Source::Template => "template.yaml",
        };
        let (checked, found) = (self.names_checked, self.names_checked.saturating_sub(self.names.len()));
        write!(f, "  names in {source}: {found} of {checked} are at Salestrekker")?;
        self.names.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
        let of_rules = |finding| write!(f, "\n  {finding}; that rule fits no ticket here");
        self.age_rules.iter().try_for_each(of_rules)?;
        self.unchecked.iter().try_for_each(|text| write!(f, "\n  not checked: {text}"))?;
        if !self.missing_fields.is_empty() {
            let fields = self.missing_fields.join(", ");
            write!(f, "\n  inferred fields that the API lacks, which are left out of requests: {fields}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, at, thing, name, verdict } = self;
        let thing = match thing {
            Thing::Stage => "stage",
            Thing::Workflow => "workflow",
            Thing::Label => "label",
            Thing::Owner => "owner",
        };
        write!(f, "{handler}: {at} names the {thing} {name:?}, ")?;
        match verdict {
            Verdict::NotFound { nearest: None } => f.write_str("which does not exist (not_found)"),
            Verdict::NotFound { nearest: Some(nearest) } => {
                write!(f, "which does not exist (not_found); the nearest is {nearest:?}")
            }
            Verdict::AmbiguousName { ids } => {
                write!(
                    f,
                    "of which there are several (ambiguous_name); use the id of one instead: {}",
                    ids.join(", ")
                )
            }
            Verdict::NotVerifiable => f.write_str("which the API does not list (not_verifiable)"),
        }
    }
}

impl Organisations {
    /// The deployed entries of all handlers; that they cannot be read is part of the result.
    pub async fn deployed_entries(&self) -> Entries {
        let clients = Clients { cloudformation: &self.cloudformation, lambda: &self.lambda, sns: &self.sns };
        let read = tokio::time::timeout(LONGEST, deployed(&clients, &self.stack)).await;
        let why = |text: String| {
            format!(
                "the deployed entries cannot be read ({text}); the profile needs cloudformation:ListStackResources, \
                 lambda:GetFunctionConfiguration, sns:ListSubscriptionsByTopic and sns:GetSubscriptionAttributes"
            )
        };
        let rules = tokio::time::timeout(LONGEST, deployed_age_rules(&self.lambda, &self.stack)).await;
        // If they cannot be read, neither can the entries.
        let age_rules = rules.ok().and_then(Result::ok).unwrap_or_default();
        let all = match read {
            Ok(Ok(entries)) => Ok(entries),
            Ok(Err(error)) => Err(why(format!("{error:#}"))),
            Err(_late) => Err(why(TOO_LATE.to_owned())),
        };
        Entries { source: Source::Deployed, all, age_rules }
    }

    /// Compares the names in these entries, and the fields that are read, with the organisation's API; it changes nothing there.
    ///
    /// # Errors
    /// If the system's TLS set-up is unusable. What the API refuses is part of the result.
    pub async fn compare(&self, organisation: &OrganisationId, entries: &Entries) -> Result<Comparison> {
        let client = Client::new(Secrets::new(self.secrets.clone(), self.stack.clone()), Limits::default())?;
        let session = client.session(organisation, clock::now().later(LONGEST));
        let reading = async { (Vendor::read(&session).await, session.missing_fields().await) };
        let read = tokio::time::timeout(LONGEST, reading).await;
        let mut found = Comparison {
            source: entries.source,
            names_checked: 0,
            names: Vec::new(),
            age_rules: Vec::new(),
            unchecked: Vec::new(),
            missing_fields: Vec::new(),
        };
        let Ok((vendor, missing_fields)) = read else {
            found.unchecked.push(format!("names and fields: {TOO_LATE}"));
            return Ok(found);
        };
        match missing_fields {
            Ok(fields) => found.missing_fields = fields,
            Err(error) => found.unchecked.push(format!("inferred fields: {}", chain(&error))),
        }
        let Entries { all, age_rules, source } = entries;
        let own = match source {
            Source::Deployed => self.store.handler_settings(organisation).await,
            Source::Template => Ok(Vec::new()),
        };
        let own = own.unwrap_or_else(|error| {
            found.unchecked.push(format!("the organisation's own settings: {}", chain(&error)));
            Vec::new()
        });
        match (vendor, all) {
            (Ok(vendor), Ok(entries)) => {
                for entry in &in_force(entries, &own.into_iter().collect()) {
                    found.add(mention::of_entry(entry, organisation), &vendor);
                }
                found.add_age_rules(age_rules, organisation, &vendor);
            }
            (Err(error), _) => found.unchecked.push(format!("names: {}", chain(&error))),
            (Ok(_), Err(why)) => found.unchecked.push(format!("names: {why}")),
        }
        Ok(found)
    }
}

impl Comparison {
    fn add(&mut self, Mentions { all, unreadable }: Mentions, vendor: &Vendor) {
        self.unchecked.extend(unreadable);
        self.names_checked = self.names_checked.saturating_add(all.len());
        self.names.extend(findings(all, vendor));
    }

    fn add_age_rules(&mut self, rules: &str, organisation: &OrganisationId, vendor: &Vendor) {
        let Mentions { all, unreadable } = mention::of_age_rules(rules, organisation);
        self.unchecked.extend(unreadable);
        self.age_rules.extend(findings(all, vendor));
    }
}

/// The mentions that are not exactly one thing.
fn findings(all: Vec<mention::Mention>, vendor: &Vendor) -> impl Iterator<Item = Finding> {
    all.into_iter().filter_map(|mention| {
        let verdict = vendor.verdict(&mention)?;
        let mention::Mention { handler, at, thing, text, .. } = mention;
        Some(Finding { handler, at, thing, name: shown(thing, text), verdict })
    })
}

/// Names of stages, workflows and labels are not personal, and owners are ids; an address or a person's name in place of an id is
/// not repeated.
fn shown(thing: Thing, text: String) -> String {
    let is_id = |text: &str| text.chars().all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_');
    if thing == Thing::Owner && !is_id(&text) { "[not an id]".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter_policy::FilterPolicy;
    use crate::handler_entries::Entry;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn finding(thing: Thing, name: &str, verdict: Verdict) -> Finding {
        Finding {
            handler: "a".to_owned(),
            at: "Settings.x".to_owned(),
            thing,
            name: name.to_owned(),
            verdict,
        }
    }

    fn comparison(names: Vec<Finding>, unchecked: &[&str], missing_fields: &[&str]) -> Comparison {
        let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let (unchecked, missing_fields) = (owned(unchecked), owned(missing_fields));
        let age_rules = Vec::new();
        Comparison { source: Source::Deployed, names_checked: 5, names, age_rules, unchecked, missing_fields }
    }

    #[test]
    fn each_finding_is_a_line_and_an_object() {
        let nearest = Some("Settled".to_owned());
        let names = vec![
            finding(Thing::Stage, "Setled", Verdict::NotFound { nearest }),
            finding(Thing::Workflow, "X", Verdict::NotFound { nearest: None }),
            finding(
                Thing::Label,
                "Client",
                Verdict::AmbiguousName { ids: vec!["l-1".to_owned(), "l-2".to_owned()] },
            ),
            finding(Thing::Owner, "o-1", Verdict::NotVerifiable),
        ];
        let found = comparison(names, &["a: its settings are not JSON"], &["isActive", "company { name }"]);
        let lines = [
            "  names in the deployed entries: 1 of 5 are at Salestrekker",
            "  a: Settings.x names the stage \"Setled\", which does not exist (not_found); the nearest is \"Settled\"",
            "  a: Settings.x names the workflow \"X\", which does not exist (not_found)",
            "  a: Settings.x names the label \"Client\", of which there are several (ambiguous_name); use the id of one instead: l-1, l-2",
            "  a: Settings.x names the owner \"o-1\", which the API does not list (not_verifiable)",
            "  not checked: a: its settings are not JSON",
            "  inferred fields that the API lacks, which are left out of requests: isActive, company { name }",
        ];
        assert_eq!(found.to_string().lines().collect::<Vec<_>>(), lines);
        let value = serde_json::to_value(&found).unwrap();
        let first = json!({ "handler": "a", "at": "Settings.x", "thing": "stage", "name": "Setled", "result": "not_found",
            "nearest": "Settled" });
        assert_eq!((&value["names"][0], &value["source"]), (&first, &json!("deployed")));
        assert_eq!(value["names"][2]["ids"], json!(["l-1", "l-2"]));
        assert_eq!(value["missing_fields"], json!(["isActive", "company { name }"]));
    }

    #[test]
    fn a_name_that_is_missing_or_of_several_is_a_problem_and_an_unlisted_owner_or_a_missing_field_is_not() {
        let of = |verdict| comparison(vec![finding(Thing::Label, "x", verdict)], &[], &[]).has_problem();
        assert!(of(Verdict::NotFound { nearest: None }) && of(Verdict::AmbiguousName { ids: vec![] }));
        assert!(!of(Verdict::NotVerifiable) && !comparison(vec![], &[], &["isActive"]).has_problem());
        assert!(comparison(vec![], &["names: refused"], &[]).has_problem());
    }

    /// Rules are for all organisations of a stack.
    #[test]
    fn a_rule_for_ages_that_fits_no_ticket_is_a_line_with_the_nearest_name_and_not_a_problem() {
        let mut found = comparison(vec![], &[], &[]);
        let rules = r#"[{"workflow": "Home loan", "stage": "Aproved", "days": [2]},
            {"stage": "Approved", "business_days": [3], "zone": "Australia/Sydney", "region": "au-nsw"}]"#;
        found.add_age_rules(rules, &OrganisationId::parse("north").unwrap(), &vendor::for_tests());
        let lines = [
            "  names in the deployed entries: 5 of 5 are at Salestrekker",
            "  event-enricher: STAGE_AGE_RULES[0].stage names the stage \"Aproved\", which does not exist (not_found); the nearest is \"Approved\"; that rule fits no ticket here",
            "  event-enricher: STAGE_AGE_RULES[0].workflow names the workflow \"Home loan\", which does not exist (not_found); the nearest is \"Home loans\"; that rule fits no ticket here",
        ];
        assert_eq!(found.to_string().lines().collect::<Vec<_>>(), lines);
        assert!(!found.has_problem());
        found.add_age_rules("[{", &OrganisationId::parse("north").unwrap(), &vendor::for_tests());
        assert!(found.has_problem(), "the function could not start");
    }

    #[test]
    fn an_owner_that_is_a_person_and_not_an_id_is_not_repeated() {
        let of = |thing, text: &str| shown(thing, text.to_owned());
        assert_eq!(of(Thing::Owner, "0b6c-11"), "0b6c-11");
        for person in ["jane@example.com", "Jane Citizen"] {
            assert_eq!(of(Thing::Owner, person), "[not an id]");
        }
        assert_eq!(of(Thing::Label, "Do not call"), "Do not call");
    }

    proptest! {
        #[test]
        fn any_settings_and_any_policy_are_names_or_a_sentence(settings in ".*", policy in ".*") {
            let is_json = settings.trim().is_empty() || serde_json::from_str::<Value>(&settings).is_ok();
            let is_policy = FilterPolicy::parse(&policy).is_ok();
            let entry = Entry { name: "a".to_owned(), settings, policies: vec![policy], dry_run: false };
            let found = mention::of_entry(&entry, &OrganisationId::parse("north").unwrap());
            let unreadable = [is_json, is_policy].into_iter().filter(|is_readable| !is_readable).count();
            prop_assert_eq!(found.unreadable.len(), unreadable);
        }
    }
}
