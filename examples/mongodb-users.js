// The three users that backup-estate logs in as, each with a role of its own and nothing besides.
// Run as a user who may make users, on the primary; again at any time, to bring the roles up to date:
//   mongosh "mongodb://127.0.0.1:27017/admin" -u root examples/mongodb-users.js
// It asks for three passwords: put each into the secret that estate.yaml names.

const admin = db.getSiblingDB("admin");

// Every collection whose name does not begin with "system.", in every database; and the buckets of time series.
const data = { db: "", collection: "" };
const buckets = { db: "", system_buckets: "" };
const scripts = { db: "", collection: "system.js" };
const LOOK = ["find", "listCollections", "listIndexes"];
const DEFINE = [
  ...["createCollection", "createIndex", "dropIndex", "dropCollection", "dropDatabase"],
  ...["convertToCapped", "bypassDocumentValidation"],
];
const FILL = ["find", "listIndexes", "insert", "bypassDocumentValidation"];
const cluster = (...actions) => ({ resource: { cluster: true }, actions });
const of = (name, collection, ...actions) => ({ resource: { db: name, collection }, actions });

const privileges = {
  // Reads; cannot write one document.
  estateDump: [
    cluster("listDatabases"),
    { resource: data, actions: LOOK },
    { resource: buckets, actions: ["find", "listIndexes"] },
    { resource: scripts, actions: ["find", "listIndexes"] },
    ...["system.users", "system.roles", "system.version"].map((name) => of("admin", name, "find", "listIndexes")),
    of("config", "transactions", "find"),
    of("local", "oplog.rs", "find"),
  ],
  // Fills an empty server, or empties one first. Who can write users can make itself anything: keep it apart.
  estateRestore: [
    cluster("listDatabases"),
    { resource: data, actions: [...LOOK, "insert", ...DEFINE] },
    { resource: buckets, actions: FILL },
    { resource: scripts, actions: [...FILL, "createCollection", "dropCollection", "createIndex"] },
    ...["system.users", "system.roles"].map((name) =>
      of("admin", name, ...FILL, "update", "remove"),
    ),
    of("admin", "system.version", "find", "listIndexes"),
    of("local", "oplog.rs", "find"),
  ],
  // Replays the oplog: changes documents and definitions; cannot read or change users and roles.
  estateReplay: [
    cluster("listDatabases", "applyOps"),
    { resource: data, actions: [...LOOK, "insert", "update", "remove", ...DEFINE, "collMod", "renameCollectionSameDB"] },
    { resource: buckets, actions: [...FILL, "update", "remove"] },
    { resource: scripts, actions: ["listIndexes"] },
    ...["system.users", "system.roles", "system.version"].map((name) => of("admin", name, "listIndexes")),
  ],
};

for (const [role, list] of Object.entries(privileges))
  if (admin.getRole(role) === null) admin.createRole({ role, privileges: list, roles: [] });
  else admin.updateRole(role, { privileges: list, roles: [] });

for (const [user, role] of Object.entries({
  "estate-dump": "estateDump",
  "estate-restore": "estateRestore",
  "estate-replay": "estateReplay",
})) {
  if (admin.getUser(user) !== null) continue;
  print(`The password of ${user}:`);
  admin.createUser({ user, pwd: passwordPrompt(), roles: [{ role, db: "admin" }] });
}
