/** An app's test suite with a network of its own, which is gone afterwards: `node --test`. Mocha and vitest do it alike. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BlobId, type Client, createReader } from 'floe'
import { type Devnet, startDevnet } from 'floe/devnet'

/** The app: it keeps notes in Floe. */
async function keepNote(client: Client, note: string): Promise<BlobId> {
  const { blobId } = await client.store(new TextEncoder().encode(note), { epochs: 1, deletable: false })
  return blobId
}

let devnet: Devnet
before(async () => {
  devnet = await startDevnet({ nodes: 4, shards: 10 })
})
after(() => devnet.close())

test('a note can be read by others', async () => {
  const blobId = await keepNote(devnet.client, 'milk, bread')
  await using reader = await createReader(devnet.network)
  assert.equal(new TextDecoder().decode((await reader.read(blobId)).data), 'milk, bread')
})

test('a note is there while a node is down', async () => {
  const blobId = await keepNote(devnet.client, 'eggs')
  await devnet.nodes[0]?.stop()
  assert.equal(new TextDecoder().decode((await devnet.client.read(blobId)).data), 'eggs')
})
