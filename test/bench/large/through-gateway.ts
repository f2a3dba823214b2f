import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

export interface Put {
  blobId: string
  ms: number
  peakRssBytes: number
}

export interface Got {
  firstByteMs: number
  ms: number
  peakRssBytes: number
  /** of all bytes, in hex */
  sha256: string
}

/** Stores a file by PUT, with a gateway that does nothing else. */
export async function putFile(networkFile: string, keyFile: string, path: string): Promise<Put> {
  const { result, peakRssBytes } = await withGateway(networkFile, keyFile, async url => {
    const start = performance.now()
    const { size } = await stat(path)
    const put = request(`${url}/v1/blobs?epochs=1`, { method: 'PUT', headers: { 'content-length': size } })
    const [[response]] = await Promise.all([
      once(put, 'response') as Promise<[IncomingMessage]>,
      pipeline(createReadStream(path), put),
    ])
    const body = await text(response)
    if (response.statusCode !== 200) throw new Error(`the gateway answered ${response.statusCode}: ${body}`)
    return { blobId: JSON.parse(body).newlyCreated.blobObject.blobId, ms: performance.now() - start }
  })
  return { ...result, peakRssBytes }
}

/** Reads a blob by GET, with a gateway that does nothing else. */
export async function getBlob(networkFile: string, keyFile: string, blobId: string): Promise<Got> {
  const { result, peakRssBytes } = await withGateway(networkFile, keyFile, async url => {
    const start = performance.now()
    const get = request(`${url}/v1/blobs/${blobId}`).end()
    const [response] = (await once(get, 'response')) as [IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`the gateway answered ${response.statusCode}`)
    const hash = createHash('sha256')
    let firstByteMs: number | undefined
    for await (const chunk of response) {
      firstByteMs ??= performance.now() - start
      hash.update(chunk)
    }
    return { firstByteMs: firstByteMs ?? 0, ms: performance.now() - start, sha256: hash.digest('hex') }
  })
  return { ...result, peakRssBytes }
}

async function withGateway<T>(networkFile: string, keyFile: string, use: (url: string) => Promise<T>) {
  const script = join(import.meta.dirname, 'gateway.ts')
  const gateway = spawn(process.execPath, [script, networkFile, keyFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(gateway, 'exit')
  const lines = createInterface(gateway.stdout)[Symbol.asyncIterator]()
  try {
    const { value: url } = await lines.next()
    if (url === undefined) throw new Error('the gateway did not start')
    const result = await use(url)
    gateway.stdin.end()
    return { result, peakRssBytes: Number((await lines.next()).value) }
  } finally {
    gateway.stdin.end()
    await exited
  }
}
