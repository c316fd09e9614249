//! The catalogue as static pages: an index, and a page for each kind. They need nothing but each other: no script, nothing of the network.

use super::{Catalogue, Consumer, Field, Kind};
use anyhow::{Context as _, Result};
use askama::Template;
use std::fs;
use std::path::Path;

/// A page's frame.
struct Frame<'a> {
    kinds: &'a [Kind],
    /// The kind of this page; empty for the index.
    own: &'a str,
}

#[derive(Template)]
#[template(path = "catalogue_index.html")]
struct Index<'a> {
    frame: Frame<'a>,
    common: &'a [Field],
    version: &'static str,
}

#[derive(Template)]
#[template(path = "catalogue_event.html")]
struct Page<'a> {
    frame: Frame<'a>,
    event: &'a Kind,
    /// The fields of its own.
    own: Vec<&'a Field>,
    /// Those of the ticket.
    ticket: Vec<&'a Field>,
    example: String,
    consumers: Vec<(&'a Consumer, String)>,
}

impl Catalogue {
    /// Writes the pages, the style sheet, the icon and the AsyncAPI document into a folder; returns their names. Other files in it stay.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_pages(&self, folder: &Path) -> Result<Vec<String>> {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
        let files = self.files()?;
        for (name, content) in &files {
            let file = folder.join(name);
            fs::write(&file, content).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }

    /// The files by name.
    fn files(&self) -> Result<Vec<(String, String)>> {
        let frame = |own| Frame { kinds: &self.events, own };
        let index = Index { frame: frame(""), common: &self.common, version: env!("CARGO_PKG_VERSION") };
        let asyncapi = format!("{}\n", serde_json::to_string_pretty(&self.asyncapi())?);
        let mut files = vec![
            ("index.html".to_owned(), index.render()?),
            ("asyncapi.json".to_owned(), asyncapi),
            ("style.css".to_owned(), include_str!("../../templates/style.css").to_owned()),
            ("icon.svg".to_owned(), include_str!("../../templates/icon.svg").to_owned()),
        ];
        for event in &self.events {
            let (ticket, own) =
                event.fields.iter().partition(|field| field.path.split('.').next() == Some("ticket"));
            let consumers = event
                .handlers
                .iter()
                .flatten()
                .map(|consumer| Ok((consumer, serde_json::to_string_pretty(&consumer.filter_policy)?)));
            let page = Page {
                frame: frame(&event.kind),
                event,
                own,
                ticket,
                example: serde_json::to_string_pretty(&event.example)?,
                consumers: consumers.collect::<Result<_>>()?,
            };
            files.push((format!("{}.html", event.kind), page.render()?));
        }
        Ok(files)
    }
}

/// The parts of a sentence, and whether each is code: what is between backticks.
fn parts(sentence: &str) -> impl Iterator<Item = (bool, &str)> {
    sentence.split('`').enumerate().map(|(position, part)| (!position.is_multiple_of(2), part))
}

impl Kind {
    fn parts(&self) -> impl Iterator<Item = (bool, &str)> {
        parts(&self.sentence)
    }
}

impl Field {
    fn parts(&self) -> impl Iterator<Item = (bool, &str)> {
        parts(self.sentence.as_deref().unwrap_or_default())
    }

    fn types(&self) -> String {
        self.types.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files(template: Option<&str>) -> Vec<(String, String)> {
        Catalogue::of(template).unwrap().files().unwrap()
    }

    /// The values of an attribute in a page.
    fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        let mark = format!("{name}=\"");
        page.split(&mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_page_needs_only_files_beside_it_and_no_script() {
        let files = files(Some(include_str!("../../../../template.yaml")));
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), files.len());
        for (name, page) in files.iter().filter(|(_, content)| content.starts_with("<!doctype html>")) {
            assert!(!page.contains("<script") && !page.contains(" style="), "{name}");
            let links = [attributes(page, "href"), attributes(page, "src")].concat();
            assert!(links.len() > 15, "{name}: {links:?}");
            for link in links {
                let file = link.split('#').next().unwrap();
                assert!(file.is_empty() || names.contains(file), "{name}: {link}");
            }
            assert_eq!(page.matches("<h1>").count(), 1, "{name}");
            assert!(page.contains("<html lang=\"en\">") && page.contains("name=\"viewport\""), "{name}");
        }
    }

    #[test]
    fn a_page_has_the_sentence_the_fields_the_example_and_the_handlers() {
        let of = |files: Vec<(String, String)>, wanted: &str| {
            files.into_iter().find(|(name, _)| name == wanted).unwrap().1
        };
        let template = Some(include_str!("../../../../template.yaml"));
        let page = of(files(template), "ticket.stage_changed.html");
        for part in [
            "The ticket moved to another stage",
            "to.stage.name",
            "notice-on-stage-change",
            "Approved",
            "dry run",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let index = of(files(template), "index.html");
        assert!(index.contains("cause.by") && index.contains("inbound.html"), "{index}");
        let without = of(files(None), "ticket.stage_changed.html");
        assert!(without.contains("written outside of a checkout"), "{without}");
        let inbound = of(files(None), "inbound.html");
        assert!(inbound.contains("Its kind is <code>inbound.</code> and"), "{inbound}");
        let unused = of(files(template), "ticket.renamed.html");
        assert!(unused.contains("No handler of template.yaml subscribes"), "{unused}");
    }

    #[test]
    fn pages_are_written_into_a_new_folder() {
        let folder = std::env::temp_dir().join(format!("catalogue-{}", std::process::id()));
        let inner = folder.join("events");
        let names = Catalogue::of(None).unwrap().write_pages(&inner).unwrap();
        assert!(names.iter().all(|name| inner.join(name).is_file()));
        fs::remove_dir_all(folder).unwrap();
    }
}
