/** Registers a storage node and runs it until Ctrl-C. It gets shards once it has stake. `npx floe up` runs beside it. */
import { once } from 'node:events'
import { readNetwork } from 'floe'
import { createCoordinator } from 'floe/chain'
import { loadBls } from 'floe/codec'
import { createStorageNode, loadNodeKeys } from 'floe/storage'

const network = await readNetwork('.floe/network.json')
const keys = await loadNodeKeys('my-node/keys') // made when they are not there
await using chain = createCoordinator(network)
const operator = chain.operator(keys.wallet)

const multiaddr = '/ip4/127.0.0.1/tcp/29185'
async function register() {
  const body = JSON.stringify({ FixedAmountRequest: { recipient: keys.wallet.address } })
  await fetch(`${network.faucet}/v2/gas`, { method: 'POST', body }) // gas, which is free on a localnet
  const bls = await loadBls()
  return await operator.register({
    name: 'my node',
    networkAddress: '127.0.0.1:29185',
    networkPublicKey: keys.networkPublicKey,
    multiaddrs: [multiaddr],
    blsPublicKey: bls.publicKey(keys.blsSecret),
    sign: message => bls.sign(keys.blsSecret, message),
    commissionRate: 500, // 5%
    storagePriceFrost: 1_000n,
    writePriceFrost: 2_000n,
    nodeCapacityBytes: 2n ** 40n,
  })
}
const { nodeId } = (await operator.capability()) ?? (await register())
const { nShards } = await chain.system()
const place = { storePath: 'my-node/store', listen: [multiaddr] }
await using node = await createStorageNode({ network, nodeId, nShards, keys, coordinator: chain, ...place })
console.log(`node ${node.nodeId} listens as ${node.peerId}`)
await once(process, 'SIGINT')
