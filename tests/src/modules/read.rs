//! A reader of a crate's files that returns its tree of modules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, UseTree, Visibility};

/// The segments of a path.
pub(super) type Segments = Vec<String>;

/// A name that a `use` declaration brings into a module.
#[derive(Clone, Debug)]
pub(super) struct Import {
    /// The path that the name refers to.
    pub(super) path: Segments,
    /// Whether the declaration re-exports the name (`pub use`), which alone is no use of it.
    pub(super) exported: bool,
}

/// A module of a crate, in its own file or inline.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The file that contains its code.
    pub(super) file: String,
    /// The names of the items defined in it, except modules and imports.
    pub(super) items: Vec<String>,
    /// The names that `use` declarations import.
    pub(super) imports: BTreeMap<String, Import>,
    /// The paths of `use …::*` declarations.
    pub(super) globs: Vec<Import>,
    /// Every other path in its code, except those of its inner modules.
    pub(super) paths: Vec<Segments>,
    /// Its inner modules.
    pub(super) children: BTreeMap<String, Self>,
}

/// Reads a file and the files of all its modules.
pub(super) fn read(
    file: &Path,
    text_of: &impl Fn(&Path) -> Option<String>,
) -> Result<Module, String> {
    let directory = file.parent().unwrap_or(Path::new("")).to_owned();
    module(file, &directory, text_of)
}

/// Reads a file. The files of its inner modules are in `directory`.
fn module(
    file: &Path,
    directory: &Path,
    text_of: &impl Fn(&Path) -> Option<String>,
) -> Result<Module, String> {
    let shown = file.to_string_lossy().replace('\\', "/");
    let text = text_of(file).ok_or_else(|| format!("{shown} is missing"))?;
    let parsed = syn::parse_file(&text).map_err(|e| format!("{shown} is not Rust: {e}"))?;
    let mut found = Module { file: shown, ..Module::default() };
    found.take(parsed.items, directory, text_of)?;
    Ok(found)
}

impl Module {
    fn take(
        &mut self,
        items: Vec<Item>,
        directory: &Path,
        text_of: &impl Fn(&Path) -> Option<String>,
    ) -> Result<(), String> {
        for item in items {
            if for_tests(attributes(&item)) {
                continue;
            }
            let Item::Mod(inner) = item else {
                self.items.extend(name(&item));
                Reader { module: self }.visit_item(&item);
                continue;
            };
            let name = inner.ident.to_string();
            let child = if let Some((_, items)) = inner.content {
                let mut child = Self { file: self.file.clone(), ..Self::default() };
                child.take(items, &directory.join(&name), text_of)?;
                child
            } else {
                let place = place(&inner.attrs, &name, directory, &self.file, text_of);
                let inside = match place.file_name().and_then(|file| file.to_str()) {
                    Some("mod.rs") => place.parent().unwrap_or(directory).to_owned(),
                    _ => place.with_extension(""),
                };
                module(&place, &inside, text_of)?
            };
            self.children.insert(name, child);
        }
        Ok(())
    }
}

/// Returns the file of `mod name;`.
fn place(
    attributes: &[Attribute],
    name: &str,
    directory: &Path,
    file: &str,
    text_of: &impl Fn(&Path) -> Option<String>,
) -> PathBuf {
    let named = attributes.iter().find_map(|attribute| {
        let value = attribute.meta.require_name_value().ok()?;
        let syn::Expr::Lit(literal) = &value.value else { return None };
        let syn::Lit::Str(path) = &literal.lit else { return None };
        value.path.is_ident("path").then(|| path.value())
    });
    if let Some(named) = named {
        return Path::new(file).parent().unwrap_or(directory).join(named);
    }
    let flat = directory.join(format!("{name}.rs"));
    if text_of(&flat).is_some() { flat } else { directory.join(name).join("mod.rs") }
}

/// Checks whether an item is compiled only for tests.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let test = path.segments.last().is_some_and(|last| last.ident == "test");
        let tokens = || attribute.meta.require_list().map(|list| list.tokens.clone());
        test || (path.is_ident("cfg") && tokens().is_ok_and(asks_for_tests))
    })
}

/// Checks whether a condition names `test` outside of a `not`.
fn asks_for_tests(tokens: TokenStream) -> bool {
    let mut after_not = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                after_not = word == "not";
                if word == "test" {
                    return true;
                }
            }
            TokenTree::Group(group) if !after_not && asks_for_tests(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Collects the imports and paths of one item.
struct Reader<'a> {
    module: &'a mut Module,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let exported = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, &mut Vec::new(), exported);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.module.paths.push(segments.collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        if !for_tests(attributes) {
            syn::visit::visit_impl_item(self, item);
        }
    }

    // The arguments of an attribute are data, and `pub(in path)` is no use.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

impl Reader<'_> {
    fn import(&mut self, tree: &UseTree, before: &mut Segments, exported: bool) {
        let (name, last) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, exported);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, exported);
                }
                return;
            }
            UseTree::Glob(_) => {
                self.module.globs.push(Import { path: before.clone(), exported });
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(name) => (name.rename.to_string(), name.ident.to_string()),
        };
        let mut path = before.clone();
        let mut name = name;
        if last == "self" && !path.is_empty() {
            if name == "self" {
                name = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(last);
        }
        if name == "_" {
            name = format!("_ {}", path.join("::"));
        }
        self.module.imports.insert(name, Import { path, exported });
    }

    /// Collects the paths among a macro's tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        let mut after_dot = false;
        for token in tokens {
            let is_colon = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == ':');
            let goes_on = is_colon || (colons == 2 && matches!(&token, TokenTree::Ident(_)));
            if !goes_on {
                self.path_of_tokens(&mut path);
            }
            colons = if is_colon && !path.is_empty() { colons + 1 } else { 0 };
            // An identifier after a dot is a field or a method.
            let dotted = std::mem::replace(
                &mut after_dot,
                matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '.'),
            );
            match token {
                TokenTree::Ident(word) if !dotted => path.push(word.to_string()),
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
        }
        self.path_of_tokens(&mut path);
    }

    fn path_of_tokens(&mut self, path: &mut Segments) {
        if !path.is_empty() {
            self.module.paths.push(std::mem::take(path));
        }
    }
}
