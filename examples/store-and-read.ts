/** Stores a text and reads it back, straight from the nodes. `npx floe up` runs in the same folder. */
import { createClient, readNetwork, readWallet } from 'floe'

const network = await readNetwork('.floe/network.json')
const wallet = await readWallet('.floe/keys/user.sui.key')
await using client = await createClient(network, { wallet })

const text = new TextEncoder().encode('Hello from an app')
const { blobId } = await client.store(text, { epochs: 1, deletable: true })
const { data } = await client.read(blobId)
console.log(`${blobId}: ${new TextDecoder().decode(data)}`)
