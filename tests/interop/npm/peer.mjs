// A bittorrent-dht node driven by JSON lines: one request per line on stdin, one answer per line on
// stdout, in any order, matched by "id". Bytes travel as hex. It listens on the address given as
// the first argument and ends when stdin does.
import DHT from 'bittorrent-dht'
import crypto from 'node:crypto'
import readline from 'node:readline'

// Node's crypto speaks DER; an Ed25519 key in it is a constant head and the raw 32 bytes.
const SEED_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const publicKey = raw => crypto.createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, raw]), format: 'der', type: 'spki' })
const privateKey = seed => crypto.createPrivateKey({ key: Buffer.concat([SEED_HEAD, seed]), format: 'der', type: 'pkcs8' })
const rawPublic = seed => crypto.createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' }).subarray(-32)
const verify = (sig, message, key) => crypto.verify(null, message, publicKey(Buffer.from(key)), Buffer.from(sig))
const bytes = hex => Buffer.from(hex, 'hex')
const hex = data => data && Buffer.from(data).toString('hex')

const dht = new DHT({ bootstrap: false, verify })
const call = (start) => new Promise((resolve, reject) =>
  start((error, ...results) => error ? reject(error) : resolve(results)))

const verbs = {
  // Answers once the node is in the table: bittorrent-dht pings it first.
  join: ({ host, port }) => new Promise(resolve => {
    dht.on('node', function added (node) {
      if (node.port !== port || (node.host || node.address) !== host) return
      dht.removeListener('node', added)
      resolve({ nodes: dht.nodes.toArray().length })
    })
    dht.addNode({ host, port })
  }),
  put: async ({ value, seed, seq, salt, cas }) => {
    const item = { v: bytes(value) }
    if (seed) {
      const key = privateKey(bytes(seed))
      Object.assign(item, { k: rawPublic(bytes(seed)), seq, sign: message => crypto.sign(null, message, key) })
      if (salt) item.salt = bytes(salt)
      if (cas !== undefined) item.cas = cas
    }
    const [key, copies] = await call(done => dht.put(item, done))
    return { key: hex(key), copies }
  },
  get: async ({ key, salt }) => {
    const options = { cache: false, ...(salt ? { salt: bytes(salt) } : {}) }
    const [item] = await call(done => dht.get(bytes(key), options, done))
    return item ? { value: hex(item.v), seq: item.seq ?? null, public: hex(item.k) } : { value: null }
  },
  announce: async ({ infohash, port }) => {
    await call(done => dht.announce(bytes(infohash), port, done))
    return {}
  },
  peers: async ({ infohash }) => {
    const found = new Set()
    const collect = (peer, from) => found.add(`${peer.host}:${peer.port}`)
    dht.on('peer', collect)
    await call(done => dht.lookup(bytes(infohash), done))
    dht.removeListener('peer', collect)
    return { peers: [...found] }
  }
}

dht.listen(0, process.argv[2], () => console.log(JSON.stringify({ listening: dht.address(), node: hex(dht.nodeId) })))
dht.on('error', error => console.log(JSON.stringify({ error: error.message })))

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { id, verb, ...options } = JSON.parse(line)
  verbs[verb](options).then(
    answer => console.log(JSON.stringify({ id, ...answer })),
    error => console.log(JSON.stringify({ id, error: error.message })))
}
dht.destroy(() => process.exit(0))
