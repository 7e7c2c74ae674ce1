//! Names that people in the simulated tenants have: ordinary ones, and ones that break software.

/// A name as displayed, and as it appears in an address.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    /// In the person's own spelling.
    pub shown: &'static str,
    /// In ASCII.
    pub ascii: &'static str,
}

const fn same(name: &'static str) -> Name {
    Name {
        shown: name,
        ascii: name,
    }
}

const fn spelled(shown: &'static str, ascii: &'static str) -> Name {
    Name { shown, ascii }
}

/// First names.
#[rustfmt::skip]
pub const GIVEN: [Name; 40] = [
    same("Ada"), same("Bruno"), same("Carla"), same("Dmitri"), same("Esther"), same("Femi"),
    same("Greta"), same("Hugo"), same("Imani"), same("Jonas"), same("Keiko"), same("Leila"),
    same("Mateo"), same("Nadia"), same("Oskar"), same("Priya"), same("Quentin"), same("Rosa"),
    same("Stefan"), same("Tomoko"), same("Uma"), same("Viktor"), same("Wanda"), same("Ximena"),
    same("Yusuf"), same("Zofia"), spelled("Søren", "Soren"), spelled("José", "Jose"),
    spelled("Zoë", "Zoe"), spelled("Łukasz", "Lukasz"), spelled("Chloé", "Chloe"),
    spelled("Jürgen", "Jurgen"), spelled("Noël", "Noel"), spelled("Ångela", "Angela"),
    spelled("Ivana", "Ivana"), spelled("Eun-ji", "Eunji"), same("Robin"), same("Sam"), same("Alex"),
    same("Jordan"),
];

/// Last names.
#[rustfmt::skip]
pub const SURNAMES: [Name; 40] = [
    same("Abbott"), same("Bianchi"), same("Castillo"), same("Dahl"), same("Eriksen"), same("Fischer"),
    same("Gruber"), same("Haddad"), same("Ivanova"), same("Jansen"), same("Kowalski"), same("Lindgren"),
    same("Mbeki"), same("Novak"), same("Okafor"), same("Petrov"), same("Quispe"), same("Rossi"),
    same("Sato"), same("Tanaka"), same("Ueda"), same("Vargas"), same("Weber"), same("Xu"),
    same("Yilmaz"), same("Zimmermann"), spelled("O'Brien", "OBrien"), spelled("D'Souza", "DSouza"),
    spelled("Núñez", "Nunez"), spelled("Müller", "Mueller"), spelled("Åkesson", "Akesson"),
    spelled("García", "Garcia"), spelled("van der Berg", "vanderBerg"), spelled("Öztürk", "Oeztuerk"),
    spelled("Smith-Jones", "SmithJones"), spelled("Brontë", "Bronte"), same("Singh"), same("Nguyen"),
    same("Lee"), same("Brown"),
];

/// Job titles.
pub const JOB_TITLES: [&str; 12] = [
    "Accountant",
    "Analyst",
    "Buyer",
    "Controller, EMEA",
    "Engineer",
    "Field Technician",
    "HR Partner",
    "Legal Counsel",
    "Project Lead",
    "Receptionist",
    "Sales \"Closer\"",
    "Warehouse Operator",
];

/// Departments.
pub const DEPARTMENTS: [&str; 10] = [
    "Finance",
    "Human Resources",
    "IT",
    "Legal & Compliance",
    "Logistics",
    "Marketing",
    "Operations",
    "R&D",
    "Sales",
    "Service",
];

/// Cities with the country's name, its letters and a language.
pub const PLACES: [(&str, &str, &str, &str); 6] = [
    ("Aarhus", "Denmark", "DK", "da-DK"),
    ("Leeds", "United Kingdom", "GB", "en-GB"),
    ("Osaka", "Japan", "JP", "ja-JP"),
    ("Portland", "United States", "US", "en-US"),
    ("Valparaíso", "Chile", "CL", "es-CL"),
    ("Zürich", "Switzerland", "CH", "de-CH"),
];
