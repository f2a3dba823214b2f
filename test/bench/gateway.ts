/**
 * Many at once through a devnet's gateway, by autocannon in this process: all connections are opened together, and each asks once. Fails
 * when any answer is an error, or has another length.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import autocannon from 'autocannon'
import type { BenchOptions } from './main.ts'
import { withDevnet } from './support/devnet.ts'

const KIB = 1024

export async function run({ quick, report }: BenchOptions): Promise<void> {
  await withDevnet([], async ({ dir }) => {
    const { gateway } = JSON.parse(await readFile(join(dir, 'network.json'), 'utf8'))
    const put = async (body: Uint8Array): Promise<string> => {
      const response = await fetch(`${gateway}/v1/blobs`, { method: 'PUT', body: Buffer.from(body) })
      const stored = (await response.json()) as { newlyCreated: { blobObject: { blobId: string } } }
      return stored.newlyCreated.blobObject.blobId
    }
    const reads = quick ? 50 : 1_000
    const blobId = await put(randomBytes(1024 * KIB))
    const many = await Promise.all(
      Array.from({ length: quick ? 5 : 100 }, () => put(randomBytes(1024 * KIB))),
    )
    const paths = (ids: readonly string[]) => ids.map(id => ({ path: `/v1/blobs/${id}` }))
    const bodyBytes = 1024 * KIB
    await measure('reads of one blob of 1 MiB', reads, { requests: paths([blobId]) }, bodyBytes)
    await measure('reads of many blobs of 1 MiB', reads, { requests: paths(many) }, bodyBytes)
    await measure('stores of 100 KiB', quick ? 10 : 100, {
      requests: [
        {
          method: 'PUT',
          path: '/v1/blobs',
          setupRequest: request => ({ ...request, body: randomBytes(100 * KIB) }),
        },
      ],
    })

    async function measure(
      what: string,
      count: number,
      options: Pick<autocannon.Options, 'requests'>,
      bodyBytes?: number,
    ): Promise<void> {
      const received = { bytes: 0 }
      const shared = { url: gateway, connections: count, amount: count, timeout: 300 }
      const result = await autocannon({
        ...shared,
        ...options,
        setupClient: client => countBodies(client, received),
      })
      const { errors, timeouts, non2xx, requests, latency, duration, statusCodeStats } = result
      const failed = errors + timeouts + non2xx
      report({
        of: { case: `${count} parallel ${what}` },
        took: {
          requestsPerSecond: requests.total / duration,
          p50Ms: latency.p50,
          p99Ms: latency.p99,
          failed,
        },
      })
      if (failed > 0)
        throw new Error(`${failed} of ${count} ${what} failed: ${JSON.stringify(statusCodeStats)}`)
      if (bodyBytes !== undefined && received.bytes !== count * bodyBytes)
        throw new Error(`${count} ${what} came to ${received.bytes} bytes`)
    }
  })
}

/** What it does with each piece of a body: it makes a text of it, which for random bytes takes far longer than they took to come. */
interface Bodies {
  pipelinedRequests: { addBody(piece: Uint8Array): void }
}

function countBodies(client: autocannon.Client, received: { bytes: number }): void {
  const { pipelinedRequests } = client as autocannon.Client & Bodies
  pipelinedRequests.addBody = piece => {
    received.bytes += piece.length
  }
}
