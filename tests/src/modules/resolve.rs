//! Finds the file in which what a path names is defined.

use std::collections::BTreeMap;

use super::read::{Module, Segments};

/// For each file of a crate, the files that it uses, each with the first name that is used.
pub type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// A module's place in its crate: the names of the modules from the root to it.
type Place = Vec<String>;

/// How many imports may lead from one to the next: more than code has, so that a circle of imports
/// ends.
const MAX_STEPS: usize = 12;

/// Returns the uses among the files of a crate.
pub(super) fn uses(root: &Module) -> Uses {
    let mut found = Uses::new();
    let mut open: Vec<Place> = vec![Vec::new()];
    while let Some(place) = open.pop() {
        let Some(module) = module(root, &place) else { continue };
        found.entry(module.file.clone()).or_default();
        for (path, import) in names(module) {
            if let Some((file, name)) = target(root, &place, path, import)
                && file != module.file
            {
                found.entry(module.file.clone()).or_default().entry(file).or_insert(name);
            }
        }
        for name in module.children.keys() {
            open.push([&place[..], std::slice::from_ref(name)].concat());
        }
    }
    found
}

/// Returns the paths that use something, and whether they stand in a `use` declaration.
fn names(module: &Module) -> impl Iterator<Item = (&Segments, bool)> {
    let imports = module.imports.values().filter(|import| !import.exported);
    let imports = imports.map(|import| (&import.path, true));
    imports.chain(module.paths.iter().map(|path| (path, false)))
}

/// Returns the file of the definition that a path names, and its name. `None` for other crates'
/// items, and for a `use` declaration of a module itself, which uses nothing before a path goes on
/// from it.
fn target(root: &Module, place: &Place, path: &Segments, import: bool) -> Option<(String, String)> {
    match resolve(root, place, path, import, 0)? {
        Found::Item(file, name) => Some((file, name)),
        Found::Module(_) => None,
    }
}

#[derive(Debug)]
enum Found {
    /// An item, with its file and its name.
    Item(String, String),
    Module(Place),
}

fn module<'a>(root: &'a Module, place: &[String]) -> Option<&'a Module> {
    place.iter().try_fold(root, |module, name| module.children.get(name))
}

/// Follows a path from a module. A path in a `use` declaration begins at a name that is in sight,
/// as every other, but never at the one that it brings in itself.
fn resolve(
    root: &Module,
    from: &Place,
    path: &[String],
    import: bool,
    steps: usize,
) -> Option<Found> {
    if steps > MAX_STEPS {
        return None;
    }
    let mut place = from.clone();
    let mut rest = path;
    let mut relative = true;
    while let Some((first, others)) = rest.split_first() {
        match &**first {
            "crate" => place.clear(),
            "self" => {}
            "super" => {
                place.pop()?;
            }
            _ => break,
        }
        relative = false;
        rest = others;
    }
    let Some((first, others)) = rest.split_first() else { return Some(Found::Module(place)) };
    let alone = import && relative && others.is_empty();
    if alone {
        // `use name;` and the first segment of nothing else: a crate, or a module beside.
        return module(root, &place)?
            .children
            .contains_key(first)
            .then(|| Found::Module([&place[..], std::slice::from_ref(first)].concat()));
    }
    let found = lookup(root, &place, first, steps);
    match found {
        Some(Found::Module(inner)) if others.is_empty() => Some(Found::Module(inner)),
        Some(Found::Module(inner)) => {
            resolve(root, &inner, &[&["self".to_owned()], others].concat(), false, steps + 1)
        }
        Some(item) => Some(item),
        // Made by a macro, and so the module's own; a name that nothing in sight explains is of
        // another crate.
        None if relative => None,
        None => Some(Found::Item(module(root, &place)?.file.clone(), first.clone())),
    }
}

/// Finds the definition of a name in a module.
fn lookup(root: &Module, place: &Place, name: &str, steps: usize) -> Option<Found> {
    if steps > MAX_STEPS {
        return None;
    }
    let here = module(root, place)?;
    if here.children.contains_key(name) {
        return Some(Found::Module([&place[..], &[name.to_owned()]].concat()));
    }
    if here.items.iter().any(|item| item == name) {
        return Some(Found::Item(here.file.clone(), name.to_owned()));
    }
    if let Some(import) = here.imports.get(name) {
        let itself = import.path.first().is_some_and(|first| first == name);
        if !itself || here.children.contains_key(name) {
            return resolve(root, place, &import.path, true, steps + 1);
        }
        return None;
    }
    here.globs.iter().find_map(|glob| {
        match resolve(root, place, &glob.path, false, steps + 1)? {
            Found::Module(inner) if inner != *place => lookup(root, &inner, name, steps + 1),
            // The variants of an enum.
            _ => None,
        }
    })
}
