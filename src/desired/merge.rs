//! Defaults, then template, then key: what wins over what.
//!
//! Maps merge field by field, lists and scalars replace, `null` stays a `null`, and an own field of
//! an exclusive pair drops an inherited other. Pure; the order of fields changes nothing.

use super::check::{Kind, Map};
use super::table::{Field, Shape, Table};

/// `own` over `base`.
pub(super) fn merge(base: &Map, own: Map, table: &Table) -> Map {
    let mut merged = base.clone();
    for (one, other) in table.exclusive {
        for (mine, inherited) in [(one, other), (other, one)] {
            if own.get(*mine).is_some_and(|entry| !entry.value.is_null()) {
                merged.remove(*inherited);
            }
        }
    }
    for (name, mut entry) in own {
        if let (Kind::Map(own), Some(inherited)) = (&mut entry.value.kind, base.get(&name))
            && let Kind::Map(base) = &inherited.value.kind
        {
            let own_map = std::mem::take(own);
            *own = if let Some(Shape::Fields(table)) = table.field(&name).map(inner) {
                merge(base, own_map, table)
            } else {
                let mut both = base.clone();
                both.extend(own_map);
                both
            };
        }
        merged.insert(name, entry);
    }
    merged
}

fn inner(field: &Field) -> &Shape {
    match &field.shape {
        Shape::OrNull(shape) => shape,
        shape => shape,
    }
}

/// Notes on every field, inner ones as well, where it will have been inherited from.
pub(super) fn mark_inherited(map: &mut Map, from: &std::rc::Rc<str>) {
    for entry in map.values_mut() {
        entry.from = Some(from.clone());
        if let Kind::Map(inner) = &mut entry.value.kind {
            mark_inherited(inner, from);
        }
    }
}
