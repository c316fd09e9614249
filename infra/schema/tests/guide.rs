//! The document of the guide's worked example is one that `automations schema check` can judge.

use std::fs;
use std::path::Path;

#[test]
fn the_guides_mutation_is_reported_until_the_schema_has_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let page = fs::read_to_string(root.join("docs/handlers/own-mutation.md")).unwrap();
    let text = page.split("```graphql\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = "functions/note-on-settlement/src/add_note.graphql".into();
    let document = schema::Document { file, text: text.to_owned() };
    let known = fs::read_to_string(root.join("shared/schema/salestrekker.graphql")).unwrap();
    let own = schema::parse(&known, Path::new("known")).unwrap();
    let found = schema::check(&own, &own, std::slice::from_ref(&document));
    assert_eq!(found.len(), 1, "{found:?}");
    // What follows says how many fields there are, and which is the nearest.
    let shown = found[0].to_string();
    let shown = shown.split(" (").next().unwrap();
    assert!(page.contains(shown), "the page does not show: {shown}");

    let theirs = known.replace("type Mutation {", "type Mutation {\n  noteCreate(note: NoteInput!): ID!");
    let theirs = format!("{theirs}\ninput NoteInput {{ idTicket: ID! text: String! }}\n");
    let theirs = schema::parse(&theirs, Path::new("theirs"));
    assert_eq!(schema::check(&theirs.unwrap(), &own, &[document]), []);
}
