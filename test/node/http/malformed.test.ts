import { randomBytes } from 'node:crypto'
import { blobIdFromBytes } from '../../../codec/index.ts'
import { ask } from '../../support/http.ts'
import { refusesMalformed } from '../../support/malformed-suite.ts'
import { gatewayFactory } from '../gateway/support.ts'
import { startTestNode } from '../storage/api/support.ts'

describe('malformed requests', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('are refused by the gateway, which goes on serving', async () => {
    const { url, port } = await start()
    await refusesMalformed(port, '/v1/blobs', async () => (await ask(`${url}/v1/health`)).status)
  })

  it("are refused by a node's API, which goes on serving", async () => {
    const node = await startTestNode()
    try {
      const url = await node.api()
      const port = Number(new URL(url).port)
      const path = `/v1/blobs/${blobIdFromBytes(randomBytes(32))}/metadata`
      await refusesMalformed(port, path, async () => (await ask(`${url}/v1/health`)).status)
    } finally {
      await node.close()
    }
  })
})
