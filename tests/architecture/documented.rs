//! Finds what a module exports without documentation. The compiler asks for it only where a crate
//! exports something, and the modules of this one are private.

use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Visibility};

use crate::check::{Reading, SourceFile, Violation, module_of};

/// Enums whose variants say what they are: their names are explained by a table or a method.
pub(crate) const SELF_EXPLAINING: &[&str] = &["Action", "Tamper"];

/// Returns each exported item without documentation, outside of tests.
pub(crate) fn undocumented(files: &[SourceFile], reading: &Reading) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| reading.modules.contains(&module_of(&file.path))) {
        let tree = syn::parse_file(&file.text).expect("it was read before");
        Finder { file, found: &mut found }.items(&tree.items);
    }
    found
}

struct Finder<'a> {
    file: &'a SourceFile,
    found: &'a mut Vec<Violation>,
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

/// Whether an item is only there in tests.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
    })
}

/// Whether the whole crate can use it. What only a parent uses may be told by its name.
fn is_exported(visibility: &Visibility) -> bool {
    match visibility {
        Visibility::Public(_) => true,
        Visibility::Restricted(restricted) => restricted.path.is_ident("crate"),
        Visibility::Inherited => false,
    }
}

impl Finder<'_> {
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Mod(item) if !is_test(&item.attrs) => {
                    if let Some((_, items)) = &item.content {
                        self.items(items);
                    }
                }
                Item::Fn(item) => self.item(&item.vis, &item.attrs, &item.sig.ident),
                Item::Const(item) => self.item(&item.vis, &item.attrs, &item.ident),
                Item::Static(item) => self.item(&item.vis, &item.attrs, &item.ident),
                Item::Type(item) => self.item(&item.vis, &item.attrs, &item.ident),
                Item::Struct(item) if is_exported(&item.vis) => {
                    self.item(&item.vis, &item.attrs, &item.ident);
                    // The message of an error says what its fields are.
                    if !has(&item.attrs, "error") {
                        self.fields(&item.fields);
                    }
                }
                Item::Enum(item) if is_exported(&item.vis) => {
                    self.item(&item.vis, &item.attrs, &item.ident);
                    if SELF_EXPLAINING.iter().any(|name| item.ident == name) {
                        continue;
                    }
                    for variant in &item.variants {
                        if has(&variant.attrs, "error") {
                            continue;
                        }
                        self.needs(&variant.attrs, &variant.ident);
                        for field in &variant.fields {
                            if let Some(ident) = &field.ident {
                                self.needs(&field.attrs, ident);
                            }
                        }
                    }
                }
                Item::Trait(item) if is_exported(&item.vis) => {
                    self.item(&item.vis, &item.attrs, &item.ident);
                    for item in &item.items {
                        if let TraitItem::Fn(item) = item {
                            self.needs(&item.attrs, &item.sig.ident);
                        }
                    }
                }
                Item::Impl(item) if item.trait_.is_none() && !is_test(&item.attrs) => {
                    for item in &item.items {
                        match item {
                            ImplItem::Fn(item) => {
                                self.item(&item.vis, &item.attrs, &item.sig.ident);
                            }
                            ImplItem::Const(item) => self.item(&item.vis, &item.attrs, &item.ident),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn fields(&mut self, fields: &Fields) {
        for field in fields {
            if let Some(ident) = &field.ident {
                self.item(&field.vis, &field.attrs, ident);
            }
        }
    }

    fn item(&mut self, visibility: &Visibility, attributes: &[Attribute], ident: &syn::Ident) {
        if is_exported(visibility) && !is_test(attributes) {
            self.needs(attributes, ident);
        }
    }

    fn needs(&mut self, attributes: &[Attribute], ident: &syn::Ident) {
        if !has(attributes, "doc") {
            self.found.push(Violation {
                file: self.file.path.clone(),
                line: ident.span().start().line,
                what: format!("{ident} is exported and not documented"),
                allowed: "say what it is or does, with units and errors".to_owned(),
            });
        }
    }
}
