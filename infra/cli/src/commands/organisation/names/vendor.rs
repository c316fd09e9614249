//! The names that an organisation has at Salestrekker, and whether a mention is one of them.

use super::mention::{By, Mention, Thing};
use crate::nearest::nearest;
use automations::id::StageId;
use automations::salestrekker::{Error, Label, Session, StageName, Workflow};
use serde::Serialize;
use std::collections::BTreeSet;

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Verdict {
    /// There is nothing of this name.
    NotFound {
        /// The most similar name, if one is similar.
        nearest: Option<String>,
    },
    /// There are several of this name.
    AmbiguousName {
        /// Their ids.
        ids: Vec<String>,
    },
    /// The API does not show whether there is one.
    NotVerifiable,
}

/// An organisation's workflows, stages, labels, and the users that its workflows name.
#[derive(Debug, Default)]
pub(super) struct Vendor {
    workflows: Vec<KnownWorkflow>,
    labels: Vec<(String, String)>,
    owners: BTreeSet<String>,
}

#[derive(Debug)]
struct KnownWorkflow {
    id: String,
    name: String,
    /// Absent if they cannot be read.
    stages: Option<Vec<(String, String)>>,
}

impl Vendor {
    /// Reads all names: two lists, and a request for each 25 workflows.
    pub(super) async fn read(session: &Session<'_>) -> Result<Self, Error> {
        let (listed, labels) = (session.all_workflows().await?, session.all_labels().await?);
        let ids: Vec<_> = listed.iter().map(|workflow| workflow.id.clone()).collect();
        let found = session.workflows(&ids).await?.into_iter().map(|found| found.ok().flatten());
        let mut vendor = Self::default();
        for (listed, found) in listed.into_iter().zip(found) {
            vendor.add(listed.id.as_str(), listed.name, found);
        }
        vendor.labels = labels.into_iter().map(|Label { id, name }| (id.as_str().to_owned(), name)).collect();
        Ok(vendor)
    }

    fn add(&mut self, id: &str, name: String, found: Option<Workflow>) {
        let pair = |StageName { id, name }: StageName| (StageId::as_str(&id).to_owned(), name);
        let stages = found.map(|workflow| {
            let users = workflow.id_owner.into_iter().chain(workflow.id_team_members.unwrap_or_default());
            self.owners.extend(users.map(|owner| owner.as_str().to_owned()));
            workflow.stages.into_iter().map(pair).collect()
        });
        self.workflows.push(KnownWorkflow { id: id.to_owned(), name, stages });
    }

    /// What is wrong with a mention; nothing if it names one thing.
    pub(super) fn verdict(&self, mention: &Mention) -> Option<Verdict> {
        let pairs = |all: &[(String, String)]| all.to_vec();
        match mention.thing {
            Thing::Owner if self.owners.contains(&mention.text) => None,
            Thing::Owner => Some(Verdict::NotVerifiable),
            Thing::Label => judge(mention, &[pairs(&self.labels)]),
            Thing::Workflow => {
                let all = self.workflows.iter().map(|one| (one.id.clone(), one.name.clone()));
                judge(mention, &[all.collect()])
            }
            Thing::Stage => {
                let own = self.workflows_of(mention);
                let known: Vec<_> = own.iter().filter_map(|one| one.stages.clone()).collect();
                match judge(mention, &known) {
                    Some(Verdict::NotFound { .. }) if known.len() < own.len() => Some(Verdict::NotVerifiable),
                    verdict => verdict,
                }
            }
        }
    }

    /// The workflows that are named beside a stage, or all.
    fn workflows_of(&self, mention: &Mention) -> Vec<&KnownWorkflow> {
        let is_named =
            |one: &&KnownWorkflow| mention.workflows.iter().any(|text| *text == one.id || *text == one.name);
        let named: Vec<_> = self.workflows.iter().filter(is_named).collect();
        if named.is_empty() { self.workflows.iter().collect() } else { named }
    }
}

/// Looks for a mention in groups of ids with names. A name may be in several groups: stages of different workflows have the same
/// names, and the ticket's workflow decides. In one group it may be only once.
fn judge(mention: &Mention, groups: &[Vec<(String, String)>]) -> Option<Verdict> {
    let (text, by) = (mention.text.as_str(), mention.by);
    if by == By::NameOrId && groups.iter().flatten().any(|(id, _)| id == text) {
        return None;
    }
    let matches = |id: &str, name: &str| match by {
        By::NameOrId | By::Name => name == text,
        By::Id => id == text,
        By::Prefix => name.starts_with(text),
        By::Suffix => name.ends_with(text),
        By::IgnoringCase => name.to_lowercase() == text.to_lowercase(),
    };
    let ids_in = |group: &Vec<(String, String)>| -> BTreeSet<String> {
        // A list may repeat an entry.
        group.iter().filter(|(id, name)| matches(id, name)).map(|(id, _)| id.clone()).collect()
    };
    let found: Vec<BTreeSet<String>> = groups.iter().map(ids_in).collect();
    if found.iter().all(BTreeSet::is_empty) {
        let names = groups.iter().flatten().map(|(_, name)| name.as_str());
        return Some(Verdict::NotFound { nearest: nearest(text, names).map(str::to_owned) });
    }
    let several = found.into_iter().filter(|ids| by == By::NameOrId && ids.len() > 1).flatten();
    let ids: Vec<String> = several.collect();
    (!ids.is_empty()).then_some(Verdict::AmbiguousName { ids })
}

/// A workflow with two stages.
#[cfg(test)]
pub(super) fn for_tests() -> Vendor {
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    let stages = Some(vec![pair("s-1", "Approved"), pair("s-2", "Settled")]);
    let workflow = KnownWorkflow { id: "w-1".to_owned(), name: "Home loans".to_owned(), stages };
    Vendor { workflows: vec![workflow], ..Vendor::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::{OwnerId, WorkflowId};

    fn vendor() -> Vendor {
        let pairs = |all: &[(&str, &str)]| {
            all.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
        };
        let workflow = |id: &str, stages: &[(&str, &str)]| Workflow {
            id: WorkflowId::parse(id).unwrap(),
            name: String::new(),
            stages: stages
                .iter()
                .map(|(id, name)| StageName { id: StageId::parse(*id).unwrap(), name: (*name).to_owned() })
                .collect(),
            id_owner: OwnerId::parse("o-1").ok(),
            is_project: None,
            description: None,
            id_team_members: Some(vec![OwnerId::parse("o-2").unwrap()]),
            kind: None,
        };
        let mut vendor = Vendor::default();
        vendor.add(
            "w-1",
            "Home loans".to_owned(),
            Some(workflow("w-1", &[("s-1", "Approved"), ("s-2", "Settled")])),
        );
        let reviews = [("s-3", "Settled"), ("s-4", "Due"), ("s-5", "Due"), ("s-3", "Settled")];
        vendor.add("w-2", "Annual reviews".to_owned(), Some(workflow("w-2", &reviews)));
        vendor.labels =
            pairs(&[("l-1", "Client"), ("l-2", "Client"), ("l-3", "Refinance"), ("l-3", "Refinance")]);
        vendor
    }

    fn verdict(thing: Thing, text: &str, by: By, workflows: &[&str]) -> Option<Verdict> {
        let workflows = workflows.iter().map(ToString::to_string).collect();
        let (handler, at) = ("a".to_owned(), "Settings.x".to_owned());
        vendor().verdict(&Mention { handler, at, thing, text: text.to_owned(), by, workflows })
    }

    fn not_found(nearest: &str) -> Verdict {
        Verdict::NotFound { nearest: Some(nearest.to_owned()) }
    }

    fn several(ids: &[&str]) -> Verdict {
        Verdict::AmbiguousName { ids: ids.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_name_that_is_missing_has_the_nearest_name() {
        let of = |thing, text| verdict(thing, text, By::NameOrId, &[]);
        assert_eq!(of(Thing::Stage, "Aproved"), Some(not_found("Approved")));
        assert_eq!(of(Thing::Stage, "settled"), Some(not_found("Settled")), "names are exact");
        assert_eq!(of(Thing::Workflow, "Home loan"), Some(not_found("Home loans")));
        assert_eq!(of(Thing::Label, "Refinanced"), Some(not_found("Refinance")));
        assert_eq!(of(Thing::Label, "Zzz"), Some(Verdict::NotFound { nearest: None }));
        for (thing, text) in
            [(Thing::Stage, "Approved"), (Thing::Workflow, "Home loans"), (Thing::Label, "Refinance")]
        {
            assert_eq!(of(thing, text), None, "{text}");
        }
    }

    /// F22 of the field faults.
    #[test]
    fn a_name_of_several_is_ambiguous_with_their_ids_and_an_id_is_as_good_as_a_name() {
        let of = |thing, text| verdict(thing, text, By::NameOrId, &[]);
        assert_eq!(of(Thing::Label, "Client"), Some(several(&["l-1", "l-2"])));
        assert_eq!(of(Thing::Stage, "Due"), Some(several(&["s-4", "s-5"])));
        assert_eq!(of(Thing::Stage, "Settled"), None, "once in each workflow");
        for (thing, id) in [(Thing::Label, "l-2"), (Thing::Stage, "s-5"), (Thing::Workflow, "w-2")] {
            assert_eq!(of(thing, id), None, "{id}");
        }
    }

    #[test]
    fn a_stage_is_looked_for_in_the_workflow_beside_it_else_in_all() {
        let of = |text, workflows: &[&str]| verdict(Thing::Stage, text, By::NameOrId, workflows);
        assert_eq!(of("Approved", &["Annual reviews"]), Some(Verdict::NotFound { nearest: None }));
        assert_eq!(of("Approved", &["w-1"]), None, "by the workflow's id");
        assert_eq!(of("Due", &["Home loans"]), Some(Verdict::NotFound { nearest: None }));
        assert_eq!(of("Approved", &["Hom loans"]), None, "the workflow has a finding of its own");
        let mut vendor = vendor();
        vendor.add("w-3", "Closed".to_owned(), None);
        let (handler, at, workflows) = ("a".to_owned(), "x".to_owned(), vec![]);
        let unknown =
            Mention { handler, at, thing: Thing::Stage, text: "Gone".to_owned(), by: By::Name, workflows };
        assert_eq!(vendor.verdict(&unknown), Some(Verdict::NotVerifiable), "a workflow that cannot be read");
    }

    #[test]
    fn a_filter_compares_what_the_event_has_at_its_path() {
        let of = |text, by| verdict(Thing::Label, text, by, &[]);
        assert_eq!(of("Client", By::Name), None, "it matches each of several");
        assert_eq!(of("l-1", By::Name), Some(Verdict::NotFound { nearest: None }), "an id is not a name");
        assert_eq!((of("l-1", By::Id), of("Client", By::Id).is_some()), (None, true));
        assert_eq!((of("Ref", By::Prefix), of("ef", By::Prefix).is_some()), (None, true));
        assert_eq!((of("nce", By::Suffix), of("nc", By::Suffix).is_some()), (None, true));
        assert_eq!((of("CLIENT", By::IgnoringCase), of("CLIENTS", By::IgnoringCase).is_some()), (None, true));
    }

    #[test]
    fn an_owner_is_known_only_as_a_user_of_a_workflow() {
        let of = |text| verdict(Thing::Owner, text, By::NameOrId, &[]);
        assert_eq!((of("o-1"), of("o-2")), (None, None));
        assert_eq!(of("o-3"), Some(Verdict::NotVerifiable));
    }
}
