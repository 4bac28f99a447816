// A strict foreign client. It reads what to do as JSON from stdin, tries it on
// every PLC and writes what it found as JSON to stdout; foreign_test.go judges.
// Whatever node-opcua itself finds strange, and what a careful client would, it
// hands over as a complaint.
"use strict";

const complaints = [];
// What node-opcua says of itself: that it makes its certificate, and that this
// node would have to be told to decrypt in an old way, which it need not.
const ofItself = /Creating default certificate|:verify_pcks1 /;
const complain = (...what) => {
  const line = what.map(String).join(" ");
  if (!ofItself.test(line)) {
    complaints.push(line);
  }
};
// trouble is a complaint after which nothing more is to be expected.
let breakOff;
const broken = new Promise((_, reject) => (breakOff = reject));
const trouble = (...what) => breakOff(new Error(what.map(String).join(" ")));
// node-opcua writes its warnings to the console, and needs nothing else of it.
for (const level of ["debug", "error", "info", "log", "trace", "warn"]) {
  console[level] = complain;
}
process.on("warning", complain);

const started = Date.now();

const path = require("node:path");
const opcua = require("node-opcua");

const { AttributeIds, BrowseDirection, DataType, MessageSecurityMode, NodeClass, SecurityPolicy, UserTokenType } = opcua;

const securities = {
  None: { securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None },
  Basic256Sha256: { securityMode: MessageSecurityMode.SignAndEncrypt, securityPolicy: SecurityPolicy.Basic256Sha256 },
};

// Events of a client that a connection in order does not have.
const troubles = [
  "abort",
  "backoff",
  "connection_failed",
  "connection_lost",
  "connection_reestablished",
  "reconnection_attempt_has_failed",
  "start_reconnection",
  "timed_out_request",
];

// connect opens a secure channel to a PLC, hands the client to use, and closes it.
async function connect(work, plc, security, use) {
  const client = opcua.OPCUAClient.create({
    applicationName: "takt foreign client",
    clientCertificateManager: work.certificates,
    connectionStrategy: { maxRetry: 0 },
    defaultSecureTokenLifetime: work.tokenLifetime,
    tokenRenewalInterval: work.tokenRenewal,
    endpointMustExist: true,
    keepSessionAlive: false,
    ...securities[security],
  });
  for (const event of troubles) {
    client.on(event, (...details) => trouble(plc, security, event, ...details));
  }
  await client.connect(work.endpoints[plc]);
  try {
    return await use(client);
  } finally {
    await client.disconnect();
  }
}

const login = (work, password) => ({ type: UserTokenType.UserName, userName: work.user, password });

// refused returns the status of a login with a wrong password.
async function refused(client, work) {
  try {
    const session = await client.createSession(login(work, work.wrongPassword));
    await session.close();
    return "Good";
  } catch (err) {
    return err.response ? err.response.responseHeader.serviceResult.name : String(err);
  }
}

// checkValue looks at a data value as a client does that believes nothing.
function checkValue(what, value, dataType, rank) {
  const now = Date.now();
  if (!value.statusCode.isGood()) {
    complain(what, "has the status", value.statusCode.name);
    return;
  }
  for (const name of ["sourceTimestamp", "serverTimestamp"]) {
    const t = value[name];
    if (!(t instanceof Date) || t.getTime() > now + 1000 || t.getTime() < started - 60_000) {
      complain(what, "has the", name, t);
    }
  }
  if (value.sourceTimestamp > value.serverTimestamp) {
    complain(what, "was made at", value.sourceTimestamp, "and served before, at", value.serverTimestamp);
  }
  if (value.value.dataType !== dataType) {
    complain(what, "is a", DataType[value.value.dataType], "and should be a", DataType[dataType]);
  }
  const want = rank === -1 ? opcua.VariantArrayType.Scalar : opcua.VariantArrayType.Array;
  if (value.value.arrayType !== want) {
    complain(what, "has the rank", rank, "and is a", opcua.VariantArrayType[value.value.arrayType]);
  }
}

// attributes are read of each variable, Value last.
const attributes = [
  "NodeId",
  "NodeClass",
  "BrowseName",
  "DisplayName",
  "DataType",
  "ValueRank",
  "ArrayDimensions",
  "AccessLevel",
  "UserAccessLevel",
  "MinimumSamplingInterval",
  "Historizing",
  "Value",
];

// checkVariables reads everything of the variables and holds it against what
// they say of themselves.
async function checkVariables(session, references) {
  const chunk = Math.floor(1000 / attributes.length);
  for (let i = 0; i < references.length; i += chunk) {
    const some = references.slice(i, i + chunk);
    const read = await session.read(
      some.flatMap((r) => attributes.map((name) => ({ nodeId: r.nodeId, attributeId: AttributeIds[name] }))),
    );
    for (const [k, reference] of some.entries()) {
      const of = {};
      for (const [a, name] of attributes.entries()) {
        of[name] = read[k * attributes.length + a];
        if (!of[name].statusCode.isGood()) {
          complain(reference.nodeId, name, "has the status", of[name].statusCode.name);
        }
      }
      const id = reference.nodeId.toString();
      const value = (name) => of[name].value.value;
      if (value("NodeId").toString() !== id || value("NodeClass") !== NodeClass.Variable) {
        complain(id, "calls itself", value("NodeId"), NodeClass[value("NodeClass")]);
      }
      if (value("BrowseName").toString() !== reference.browseName.toString()) {
        complain(id, "is called", value("BrowseName"), "and was browsed as", reference.browseName);
      }
      if (value("DisplayName").text !== reference.displayName.text) {
        complain(id, "is shown as", value("DisplayName").text, "and was browsed as", reference.displayName.text);
      }
      const rank = value("ValueRank");
      const dimensions = value("ArrayDimensions");
      if ((rank === -1) !== (dimensions === null || dimensions.length === 0)) {
        complain(id, "has the rank", rank, "and the dimensions", dimensions);
      }
      const typeId = value("DataType");
      const dataType = typeId.namespace === 0 ? typeId.value : DataType.ExtensionObject;
      checkValue(id, of.Value, dataType, rank);
    }
  }
}

// browse returns the forward hierarchical references of a node.
async function browse(session, nodeId) {
  const result = await opcua.browseAll(session, {
    nodeId,
    browseDirection: BrowseDirection.Forward,
    referenceTypeId: "HierarchicalReferences",
    includeSubtypes: true,
    nodeClassMask: 0,
    resultMask: 63,
  });
  if (!result.statusCode.isGood()) {
    complain("browse", nodeId, "says", result.statusCode.name);
  }
  for (const r of result.references) {
    const typed = r.nodeClass === NodeClass.Object || r.nodeClass === NodeClass.Variable;
    if (!r.isForward || r.typeDefinition.isEmpty() === typed) {
      complain("browse", nodeId, "found", r.toString());
    }
  }
  return result.references;
}

// lookAtServer reads whatever a PLC's server says of itself, and returns how many
// variables that is. Those that OPC UA leaves to the server may have no value.
async function lookAtServer(session) {
  const variables = new Map();
  const walk = async (nodeId) => {
    for (const r of await browse(session, nodeId)) {
      const id = r.nodeId.toString();
      if (variables.has(id)) {
        continue;
      }
      variables.set(id, r.nodeClass === NodeClass.Variable ? r.nodeId : null);
      await walk(r.nodeId);
    }
  };
  await walk("Server");
  const ids = [...variables.values()].filter((id) => id !== null);
  const dataTypes = await session.read(ids.map((nodeId) => ({ nodeId, attributeId: AttributeIds.DataType })));
  const values = await session.read(ids.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })));
  for (const [i, id] of ids.entries()) {
    const { statusCode, value } = values[i];
    if (!statusCode.isGood()) {
      // What counts is not to be had while nobody counts.
      if (statusCode.name !== "BadNotReadable" || id.value !== opcua.VariableIds.Server_ServerDiagnostics_ServerDiagnosticsSummary) {
        complain(id, "has the status", statusCode.name);
      }
      continue;
    }
    const type = dataTypes[i].value.value;
    const builtIn = type.namespace === 0 && type.value < DataType.DataValue && type.value !== DataType.ExtensionObject;
    if (builtIn && value.dataType !== DataType.Null && value.dataType !== type.value) {
      complain(id, "is a", DataType[value.dataType], "and should be a", DataType[type.value]);
    }
  }
  const status = await session.read({ nodeId: "ns=0;i=2256", attributeId: AttributeIds.Value });
  checkValue("ServerStatus", status, DataType.ExtensionObject, -1);
  const { state, currentTime, startTime } = status.value.value;
  if (state !== opcua.ServerState.Running || currentTime < startTime || Math.abs(currentTime - Date.now()) > 60_000) {
    complain("the server's status is", status.value.value);
  }
  return ids.length;
}

// look browses a PLC from Objects down: its folders, the objects in them, and how
// many variables each has.
async function look(session) {
  const folders = {};
  for (const folder of await browse(session, "ObjectsFolder")) {
    if (folder.nodeId.namespace === 0) {
      continue; // Server, Aliases and the like.
    }
    const found = { variables: [], objects: {} };
    folders[folder.browseName.name] = found;
    const children = await browse(session, folder.nodeId);
    const variables = children.filter((c) => c.nodeClass === NodeClass.Variable);
    found.variables = variables.map((v) => v.browseName.name);
    await checkVariables(session, variables);
    for (const object of children.filter((c) => c.nodeClass === NodeClass.Object)) {
      const inside = await browse(session, object.nodeId);
      found.objects[object.browseName.name] = inside.map((v) => v.browseName.name);
      await checkVariables(session, inside);
    }
  }
  return folders;
}

// plain returns a decoded structure as JSON can carry it. JSON has no NaN and
// would make null of it; as a string it is noticed.
function plain(value) {
  if (typeof value === "number" && !Number.isFinite(value)) {
    return String(value);
  }
  if (value === null || typeof value !== "object" || value instanceof Date) {
    return value;
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value, plain);
  }
  const fields = {};
  for (const { name } of value.schema.fields) {
    fields[name] = plain(value[name]);
  }
  return fields;
}

// handshake acknowledges records of all blocks of a PLC until done says that it
// was long enough.
async function handshake(session, ns, blocks, report, done) {
  let over = false;
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 0,
  });
  for (const event of ["error", "internal_error", "status_changed", "terminated"]) {
    subscription.on(event, (...details) => over || trouble("subscription", event, ...details));
  }
  const record = (block) => ({ nodeId: `ns=${ns};s=${block}.Record`, attributeId: AttributeIds.Value });
  const take = async (block, n) => {
    const what = `${block} ${n}`;
    const value = await session.read(record(block));
    checkValue(what, value, DataType.ExtensionObject, -1);
    report.records.push({ block, number: n, record: plain(value.value.value) });
    const status = await session.write({
      nodeId: `ns=${ns};s=${block}.Ack`,
      attributeId: AttributeIds.Value,
      value: { value: { dataType: DataType.UInt32, value: n } },
    });
    if (!status.isGood()) {
      complain("acknowledgement of", what, "says", status.name);
    }
  };
  let end, fail;
  const ended = new Promise((resolve, reject) => ([end, fail] = [resolve, reject]));
  const busy = new Map(blocks.map((b) => [b, Promise.resolve()]));
  // The clock, for a block may have nothing to say for long.
  const clock = "ns=0;i=2258";
  const ids = [clock, ...blocks.map((b) => `ns=${ns};s=${b}.Ready`)];
  const group = await subscription.monitorItems(
    ids.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
    { samplingInterval: 100, discardOldest: true, queueSize: 10 },
    opcua.TimestampsToReturn.Both,
  );
  for (const item of group.monitoredItems) {
    if (!item.statusCode.isGood()) {
      complain("monitored item", item.itemToMonitor.nodeId, "says", item.statusCode.name);
    }
  }
  group.on("err", (err) => trouble("monitored items:", err));
  group.on("changed", (_, value, index) => {
    if (over) {
      return;
    }
    report.tokens.at(-1).notifications++;
    checkValue(`notification of ${ids[index]}`, value, index === 0 ? DataType.DateTime : DataType.UInt32, -1);
    const n = value.value.value;
    if (index > 0 && n !== 0) {
      const block = blocks[index - 1];
      busy.set(block, busy.get(block).then(() => take(block, n)).catch(fail));
    }
    if (done()) {
      over = true;
      end();
    }
  });
  await ended;
  await Promise.all(busy.values());
  await subscription.terminate();
}

// visit does everything with one PLC.
async function visit(work, plc) {
  const report = { refused: {}, serverVariables: 0, folders: {}, tokens: [], records: [] };
  const use = async (client, f) => {
    const session = await client.createSession(login(work, work.password));
    try {
      const ns = (await session.readNamespaceArray()).indexOf(work.namespace);
      if (ns < 0) {
        throw new Error(`${plc} has no namespace ${work.namespace}`);
      }
      // Definitions of all that has one; from here on structures are decoded.
      await session.extractNamespaceDataType();
      return await f(session, ns);
    } finally {
      await session.close();
    }
  };
  await connect(work, plc, "None", async (client) => {
    report.refused.None = await refused(client, work);
    await use(client, async (session) => {
      if (plc === Object.keys(work.endpoints)[0]) {
        report.serverVariables = await lookAtServer(session); // The same in all of them.
      }
      report.folders = await look(session);
    });
  });
  const blocks = Object.values(report.folders).flatMap((f) => Object.keys(f.objects));
  await connect(work, plc, "Basic256Sha256", async (client) => {
    report.refused.Basic256Sha256 = await refused(client, work);
    let id = 0; // The channel's first token has a number that is not told.
    const token = (lifetime) => report.tokens.push({ id, lifetime, notifications: 0 });
    client.on("security_token_renewed", (_, renewed) => {
      id = renewed.tokenId;
      token(renewed.revisedLifetime);
    });
    await use(client, (session, ns) => {
      report.tokens = []; // What came before the subscription does not count.
      token(0);
      return handshake(session, ns, blocks, report, () => {
        return report.tokens.filter((t) => t.notifications > 0).length > work.renewals;
      });
    });
  });
  return report;
}

async function main() {
  let input = "";
  for await (const chunk of process.stdin) {
    input += chunk;
  }
  const work = JSON.parse(input);
  work.certificates = new opcua.OPCUACertificateManager({
    rootFolder: path.join(work.dir, "pki"),
    automaticallyAcceptUnknownCertificate: true,
  });
  await work.certificates.initialize();
  const plcs = {};
  const visits = Object.keys(work.endpoints).map(async (plc) => (plcs[plc] = await visit(work, plc)));
  try {
    await Promise.race([Promise.all(visits), broken]);
  } catch (err) {
    complain(err.stack);
  }
  process.stdout.write(JSON.stringify({ complaints, plcs }), () => process.exit());
}

main();
