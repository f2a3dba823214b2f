/**
 * One node of Helia on loopback, with TCP and bitswap and nothing else; it runs in a folder where Helia is installed.
 * `provide BYTES...` tells its address and the CIDs of random files, and stays until its parent goes; `read ADDRESS CID BYTES` reads one
 * as a node that has just begun, and tells what that took. Both tell their parent.
 */
import { randomBytes } from 'node:crypto'

// not packages of this project
const load = name => import(name)
const [{ createHeliaLight }, { withBitswap }, { withLibp2p }, { unixfs }, { tcp }, { noise }, { tls }] =
  await Promise.all(
    [
      'helia',
      '@helia/bitswap',
      '@helia/libp2p',
      '@helia/unixfs',
      '@libp2p/tcp',
      '@libp2p/noise',
      '@libp2p/tls',
    ].map(load),
  )
const [{ yamux }, { identify }, { CID }, { multiaddr }] = await Promise.all(
  ['@libp2p/yamux', '@libp2p/identify', 'multiformats/cid', '@multiformats/multiaddr'].map(load),
)

const start = () =>
  withBitswap(
    withLibp2p(createHeliaLight(), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise(), tls()],
      streamMuxers: [yamux()],
      peerDiscovery: [],
      services: { identify: identify() },
    }),
  ).start()

const [what, ...args] = process.argv.slice(2)
if (what === 'provide') {
  const helia = await start()
  const fs = unixfs(helia)
  const cids = []
  for (const size of args) cids.push(String(await fs.addBytes(randomBytes(Number(size)))))
  process.on('disconnect', () => process.exit(0))
  process.send({ address: String(helia.libp2p.getMultiaddrs()[0]), cids })
} else {
  const [address, cid, size] = args
  const cpu = process.cpuUsage()
  const began = performance.now()
  const helia = await start()
  await helia.libp2p.dial(multiaddr(address))
  const fs = unixfs(helia)
  let bytes = 0
  for await (const chunk of fs.cat(CID.parse(cid))) bytes += chunk.length
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  if (bytes !== Number(size)) throw new Error(`${bytes} bytes were read of ${size}`)
  process.send({ ms, cpuMs: (user + system) / 1_000, rssMiB: process.resourceUsage().maxRSS / 1024 })
  process.exit(0)
}
