import { parseObjectId } from '../../../codec/index.ts'
import { createGateway, type Gateway, type GatewayInit } from '../../../node/gateway/index.ts'
import { createFakeClient, type FakeClient } from '../../support/fake-client.ts'
import { ask, jsonOf } from '../../support/http.ts'
import { temporaryFolder } from '../../support/temporary.ts'

export { type Answer, ask, jsonOf, openSocket, readAll, reasonOf } from '../../support/http.ts'

export const NETWORK = { name: 'test', kind: 'localnet', systemObjectId: parseObjectId('0x1') } as const

export interface TestGateway {
  gateway: Gateway
  client: FakeClient
  url: string
  port: number
}

/** Gateways of one test suite; `stopAll` belongs into afterEach. */
export function gatewayFactory() {
  const running: Gateway[] = []
  return {
    async start(init: Partial<GatewayInit> & { client?: FakeClient } = {}): Promise<TestGateway> {
      const client = init.client ?? createFakeClient()
      const gateway = createGateway({ network: NETWORK, port: 0, ...init, client })
      await gateway.start()
      running.push(gateway)
      return { gateway, client, url: gateway.url, port: Number(new URL(gateway.url).port) }
    },
    async stopAll(): Promise<void> {
      await Promise.all(running.splice(0).map(gateway => gateway.stop()))
    },
  }
}

/** The same for a whole `describe`, with a folder: a new one for each of its tests, gone with its gateways after it. */
export function gatewaysInFolder() {
  const { start, stopAll } = gatewayFactory()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await stopAll()
    await folder.remove()
  })
  return { start, stopAll, dir: () => folder.path }
}

/** Stores bytes over HTTP; answers the blob ID. */
export async function put(url: string, body: Uint8Array | string): Promise<string> {
  const answer = await ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.from(body) })
  return jsonOf(answer).newlyCreated.blobObject.blobId
}
