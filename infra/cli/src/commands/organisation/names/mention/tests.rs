use super::*;
use serde_json::json;

fn of(settings: &Value, filter: &str) -> Mentions {
    let entry = Entry {
        name: "a".to_owned(),
        settings: settings.to_string(),
        policies: vec![format!(
            r#"{{"type": ["ticket.stage_changed"], "cause": {{"by": ["webhook"]}}, {filter}}}"#
        )],
        dry_run: false,
    };
    of_entry(&entry, &OrganisationId::parse("north").unwrap())
}

/// Where, what and the text of each, with its workflows.
fn shown(mentions: &Mentions) -> Vec<String> {
    let one = |mention: &Mention| {
        let Mention { at, thing, text, by, workflows, .. } = mention;
        format!("{at}: {thing:?} {text} {by:?} {}", workflows.join("|")).trim_end().to_owned()
    };
    mentions.all.iter().map(one).collect()
}

const ALL: &str = r#""id": [{"exists": true}]"#;

#[test]
fn settings_name_things_by_the_last_word_of_their_keys() {
    let settings = json!({
        "stage": "Settled", "label": "Post-settlement", "follow_up_workflow": "Annual reviews", "name": "{contact}",
        "destination": "team", "empty_label": "", "labels": ["A", "B"], "archivedStage": "Archived", "stage_id": "s-1",
        "rules": [{ "owners": ["o-1"], "workflow": "Home loans" }, { "label": { "name": "C" } }],
    });
    assert_eq!(
        shown(&of(&settings, ALL)),
        [
            "Settings.archivedStage: Stage Archived NameOrId",
            "Settings.follow_up_workflow: Workflow Annual reviews NameOrId",
            "Settings.label: Label Post-settlement NameOrId",
            "Settings.labels[0]: Label A NameOrId",
            "Settings.labels[1]: Label B NameOrId",
            "Settings.rules[0].owners[0]: Owner o-1 NameOrId",
            "Settings.rules[0].workflow: Workflow Home loans NameOrId",
            "Settings.rules[1].label.name: Label C NameOrId",
            "Settings.stage: Stage Settled NameOrId",
            "Settings.stage_id: Stage s-1 NameOrId",
        ]
    );
}

#[test]
fn a_stage_belongs_to_the_workflow_with_the_same_words_in_the_same_object() {
    let settings = json!({
        "stage": "Settled", "next_stage": "First", "next_workflow": "Reviews", "into": { "workflow": "Leads", "stage": "New" },
        "outer": { "stage": "Alone" },
    });
    let stages: Vec<_> = of(&settings, ALL).all.into_iter().filter(|one| one.thing == Thing::Stage).collect();
    let stages: Vec<_> = stages.iter().map(|one| (one.text.as_str(), one.workflows.join("|"))).collect();
    let expected = [("New", "Leads"), ("First", "Reviews"), ("Alone", ""), ("Settled", "")];
    assert_eq!(stages, expected.map(|(stage, workflows)| (stage, workflows.to_owned())));
    let filter =
        r#""to": {"stage": {"name": ["Settled"]}, "workflow": {"name": ["Home loans", {"prefix": "X"}]}}"#;
    assert_eq!(
        shown(&of(&json!({}), filter)),
        [
            "Filter.to.stage.name: Stage Settled Name Home loans",
            "Filter.to.workflow.name: Workflow Home loans Name",
            "Filter.to.workflow.name: Workflow X Prefix",
        ]
    );
}

#[test]
fn filters_name_things_by_their_paths_in_the_event() {
    for (filter, expected) in [
        (
            r#""to": {"stage": {"name": [{"anything-but": ["Approved"]}]}}"#,
            "Filter.to.stage.name: Stage Approved Name",
        ),
        (
            r#""ticket": {"labels": {"name": ["Refinance"]}}"#,
            "Filter.ticket.labels.name: Label Refinance Name",
        ),
        (r#""label": {"id": ["l-1"]}"#, "Filter.label.id: Label l-1 Id"),
        (
            r#""stage": {"name": [{"equals-ignore-case": "x"}]}, "days": [14]"#,
            "Filter.stage.name: Stage x IgnoringCase",
        ),
        (
            r#""ticket": {"stage": {"name": [{"suffix": "led"}]}}"#,
            "Filter.ticket.stage.name: Stage led Suffix",
        ),
        (r#""ticket": {"owner": ["o-1"]}"#, "Filter.ticket.owner: Owner o-1 Id"),
        (r#""to": {"name": ["Reviews"]}"#, "Filter.to.name: Workflow Reviews Name"),
        (r#""to": ["o-2"]"#, "Filter.to: Owner o-2 Id"),
    ] {
        assert_eq!(shown(&of(&json!({}), filter)), [expected], "{filter}");
    }
    let others = r#""fields": {"stage": ["mine"]}, "ticket": {"value": [{"numeric": [">", 5]}]}"#;
    assert_eq!(shown(&of(&json!({}), others)), [""; 0]);
}

#[test]
fn what_is_for_another_organisation_is_left_out() {
    let settings = json!({ "rules": [
        { "organisation": "south", "label": "S" }, { "organisation": ["north", "south"], "label": "N" }, { "organisation": null, "label": "A" },
    ] });
    let labels = |filter| of(&settings, filter).all.into_iter().map(|one| one.text).collect::<Vec<_>>();
    assert_eq!(labels(ALL), ["N", "A"]);
    assert_eq!(labels(r#""organisation": [{"prefix": "nor"}]"#), ["N", "A"]);
    assert_eq!(labels(r#""organisation": ["south"]"#), [""; 0]);
    assert_eq!(labels(r#""organisation": [{"anything-but": ["north"]}]"#), [""; 0]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let entry = Entry {
        name: "a".to_owned(),
        settings: "{".to_owned(),
        policies: vec!["{".to_owned()],
        dry_run: false,
    };
    let found = of_entry(&entry, &OrganisationId::parse("north").unwrap());
    assert_eq!((found.all.len(), found.unreadable.len()), (0, 2));
    let entry = Entry { name: "a".to_owned(), settings: String::new(), policies: vec![], dry_run: false };
    assert_eq!(of_entry(&entry, &OrganisationId::parse("north").unwrap()), Mentions::default());
}
