import type { Clock } from '../../../base/clock.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createCodec } from '../../../codec/index.ts'
import type { RtcConnect } from '../../network/web-rtc/dialing.ts'
import { pagePlace } from '../page-place.ts'
import { createPageReader, failureOf, type PageReader } from '../page-reader.ts'
import { blobHeaders, contentType } from './content-types.ts'
import { createGatewayBlobs } from './gateway-blobs.ts'
import type { PageFiles } from './page-files.ts'
import { requestedRange } from './requested-range.ts'

export interface BlobServerInit {
  /** of the service worker's script */
  location: { readonly href: string }
  /** the page's own files, kept or fresh */
  files: PageFiles
  /** asks the gateway */
  fetch(path: string, options: { signal: AbortSignal }): Promise<Response>
  /** how WebRTC is had; not at all when absent */
  rtc?: RtcConnect
  clock: Clock
  random: () => number
  create?: typeof createPageReader
}

/** Answers requests for blobs, from the network's nodes. */
export interface BlobServer {
  /** Whether it is a request for one. */
  serves(url: URL): boolean
  answer(request: Request): Promise<Response>
}

const PATH = /^\/b\/([\w-]{43})$/

export function createBlobServer(init: BlobServerInit): BlobServer {
  const { location, files, rtc, clock, random, create = createPageReader } = init
  const ownUrl = new URL(location.href)
  const { origin } = ownUrl
  let reader: Promise<PageReader> | undefined

  async function open(): Promise<PageReader> {
    const answer = await files.get('/read/network.json')
    if (!answer.ok) throw new Error(`the gateway names no network: HTTP status ${answer.status}`)
    const network = (await answer.json()) as NetworkConfig
    // browsers ask nobody on behalf of a service worker, and it cannot see what was chosen on the page
    const page = pagePlace(ownUrl, false)
    return await create({ network, page, clock, random, readKernel, rtc })
  }
  /** A service worker's own requests do not go through itself. */
  async function readKernel(name: string): Promise<ArrayBuffer> {
    return await (await files.get(`/read/build/${name}`)).arrayBuffer()
  }
  const gatewayBlobs = createGatewayBlobs({
    fetch: (path, options) => init.fetch(path, options),
    createCodec: () => createCodec({ threads: 0, readKernel, clock }),
  })
  const getReader = (): Promise<PageReader> => {
    reader ??= open().catch(error => {
      reader = undefined
      throw error
    })
    return reader
  }

  return {
    serves: url => url.origin === origin && PATH.test(url.pathname),
    async answer(request) {
      const url = new URL(request.url)
      const [, blobId = ''] = PATH.exec(url.pathname) ?? []
      const headers = blobHeaders(contentType(url.searchParams.get('type')))
      const { signal } = request
      const asked = { range: request.headers.get('range'), headers, signal }
      try {
        return await fromNodes(await getReader(), blobId, asked)
      } catch (error) {
        if (signal.aborted) throw error
        const failed = failureOf(error)
        if (failed.code === 'BLOB_NOT_FOUND' || failed.code === 'BLOB_INVALID') return refusal(404, failed)
        return await fromGateway(blobId, asked).catch(() => refusal(502, failed))
      }
    },
  }

  async function fromGateway(blobId: string, { range, headers, signal }: Asked): Promise<Response> {
    // without the committee nothing can be checked, so that nothing is fetched
    const { committee } = await getReader()
    const data = await gatewayBlobs.get(blobId, { nShards: committee.nShards, signal })
    const asked = requestedRange(range, data.length)
    if (asked === 'unsatisfiable') return unsatisfiable(data.length, headers)
    const part = asked === undefined ? data : data.subarray(asked.start, asked.end)
    return new Response(part, shape(headers, data.length, asked))
  }
}

interface Asked {
  range: string | null
  headers: Record<string, string>
  signal: AbortSignal
}

async function fromNodes(
  reader: PageReader,
  blobId: string,
  { range, headers, signal }: Asked,
): Promise<Response> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const size = range === null ? undefined : await sizeOf(reader, blobId, both)
  const asked = size === undefined ? undefined : requestedRange(range, size)
  if (asked === 'unsatisfiable') return unsatisfiable(size!, headers)
  let total = size ?? 0
  const onFound = (found: number): void => {
    total = found
  }
  const pieces = reader.read(blobId, { range: asked, signal: both, onFound })
  // what goes wrong before the first byte has an answer of its own
  let next = await pieces.next()
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        await leaveCaller()
        if (next.done === true) return controller.close()
        controller.enqueue(next.value as Uint8Array<ArrayBuffer>)
        next = await pieces.next()
        if (next.done === true) controller.close()
      },
      async cancel(reason) {
        await leaveCaller()
        stop.abort(reason)
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, shape(headers, total, asked))
}

/**
 * Before anything that may abort: Chromium runs its microtasks within an abort that is made while it calls a stream, and one of these
 * waits for that call to return, again and again, so that the service worker never answers any more.
 */
const leaveCaller = (): Promise<void> => Promise.resolve()

/** Of the whole blob: nothing but its metadata is fetched. */
async function sizeOf(reader: PageReader, blobId: string, signal: AbortSignal): Promise<number> {
  let size = 0
  const none = { start: 0, end: 0 }
  const onFound = (found: number): void => {
    size = found
  }
  for await (const _ of reader.read(blobId, { range: none, signal, onFound }));
  return size
}

function shape(
  headers: Record<string, string>,
  size: number,
  range: { start: number; end: number } | undefined,
): ResponseInit {
  const length = range === undefined ? size : range.end - range.start
  const common = { ...headers, 'accept-ranges': 'bytes', 'content-length': String(length) }
  if (range === undefined) return { status: 200, headers: common }
  const { start, end } = range
  return { status: 206, headers: { ...common, 'content-range': `bytes ${start}-${end - 1}/${size}` } }
}

const unsatisfiable = (size: number, headers: Record<string, string>): Response =>
  new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` } })

function refusal(status: number, failure: { code: string; message: string }): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
  return new Response(`${failure.code}: ${failure.message}\n`, { status, headers })
}
