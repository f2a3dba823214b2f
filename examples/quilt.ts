/** Stores three small files as one blob, a quilt, and reads one of them. `npx floe up` runs in the same folder. */
import { createClient, readNetwork, readWallet } from 'floe'
import { encodeQuilt, openQuilt, quiltInBlob } from 'floe/codec'

const network = await readNetwork('.floe/network.json')
const wallet = await readWallet('.floe/keys/user.sui.key')
await using client = await createClient(network, { wallet })
const { nShards } = (await client.info()).system

const file = (identifier: string, text: string) => ({
  identifier,
  contents: new TextEncoder().encode(text),
  tags: { 'content-type': 'text/plain' },
})
const files = [file('a.txt', 'first'), file('b.txt', 'second'), file('c.txt', 'third')]
const quilt = await encodeQuilt(files, nShards)
const { blobId } = await client.store(quilt.data, { epochs: 1, deletable: true })

const { data } = await client.read(blobId)
const reader = openQuilt(quiltInBlob(blobId, data, nShards))
for (const { identifier, patchId } of await reader.list()) console.log(`${identifier}: ${patchId}`)
const { contents } = await reader.readByIdentifier('b.txt')
console.log(`b.txt says: ${new TextDecoder().decode(contents)}`)
