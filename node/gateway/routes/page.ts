import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { defined } from '../../../base/defined.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'
import type { Route } from '../../http/router.ts'
import { noneMatchHits } from '../content/conditions.ts'
import type { GatewayInit } from '../options.ts'

/** Where `node/page/build.ts` puts it, in the source as in the package. */
const BUILT = new URL('../../page/build/', import.meta.url)

interface Asset {
  file: string
  type: string
  /** there is a `.gz` beside it */
  isPacked?: boolean
  headers?: Record<string, string>
}

const SCRIPT = { type: 'text/javascript; charset=utf-8', isPacked: true }
const KERNEL = { type: 'application/wasm', isPacked: true }

/** What of the page there is below `/read`; nothing else is read from the folder. */
const ASSETS: ReadonlyMap<string, Asset> = new Map(
  Object.entries({
    'style.css': { file: 'style.css', type: 'text/css; charset=utf-8' },
    'page.js': { file: 'page.js', ...SCRIPT },
    // it serves `/b/{blobId}` as a service worker, of the whole origin
    'reader.js': { file: 'reader.js', ...SCRIPT, headers: { 'service-worker-allowed': '/' } },
  }),
)
const KERNELS: ReadonlyMap<string, Asset> = new Map(
  Object.entries({
    'kernel-relaxed.wasm': { file: 'kernel-relaxed.wasm', ...KERNEL },
    'kernel-plain.wasm': { file: 'kernel-plain.wasm', ...KERNEL },
  }),
)

/** The page may run its own scripts, and talk to nodes and RPCs wherever they are; nobody may put it into a frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "worker-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  'connect-src http: https: ws: wss:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const PAGE: Asset = { file: 'read.html', type: 'text/html; charset=utf-8' }

/**
 * A page that reads blobs by itself, straight from the nodes: the gateway gives it its script and says which network it is of, and is not
 * needed after that. It names only the Sui RPCs that are meant for pages: the gateway's own may hold a key.
 */
export function pageRoutes({ network, page }: Pick<GatewayInit, 'network' | 'page'>): Route[] {
  const { peers } = network
  if (page === undefined)
    return withoutPage('this gateway gives no page: its operator named no Sui RPC for it')
  if (peers === undefined) return withoutPage('this gateway gives no page: its network names no peers')
  const { suiRpc } = page
  const load = createLoader()
  const send = (asset: Asset | undefined): Handler => sendAsset(load, asset)
  const get = (pattern: string, GET: Handler): Route => ({
    pattern,
    methods: { GET },
    readableByPages: false,
  })
  return [
    get('/read', send(PAGE)),
    // wallets, faucets and whatever else a network file may name are nothing to a reader
    get('/read/network.json', async exchange => {
      const { name, kind, systemObjectId, stakingObjectId, walType, relays } = network
      sendJson(exchange, 200, {
        ...{ schemaVersion: 1, name, kind, systemObjectId, stakingObjectId, walType },
        ...{ suiRpc, peers: peers.map(({ peerId, multiaddrs }) => ({ peerId, multiaddrs })), relays },
      })
    }),
    get('/read/build/:file', exchange => send(KERNELS.get(exchange.params.file ?? ''))(exchange)),
    get('/read/:file', exchange => send(ASSETS.get(exchange.params.file ?? ''))(exchange)),
    // a link that no service worker has taken: the page reads it
    get('/b/:blobId', async ({ response, params }) => {
      response.writeHead(302, { location: `/read#${encodeURIComponent(params.blobId ?? '')}` }).end()
    }),
  ]
}

/** Says why there is no page where one would be. */
function withoutPage(reason: string): Route[] {
  const refuse: Handler = () => {
    throw new HttpError(404, 'NO_PAGE', reason)
  }
  return ['/read', '/read/:file', '/read/build/:file', '/b/:blobId'].map(pattern => ({
    pattern,
    methods: { GET: refuse },
    readableByPages: false,
  }))
}

interface Loaded {
  plain: Buffer
  packed: Buffer | undefined
  etag: string
}
type Load = (asset: Asset) => Promise<Loaded>

/** Reads each file once, when it is first asked for. */
function createLoader(): Load {
  const loading = new Map<string, Promise<Loaded>>()
  return asset => {
    const known = loading.get(asset.file)
    if (known !== undefined) return known
    const loaded = read(asset)
    loading.set(asset.file, loaded)
    loaded.catch(() => loading.delete(asset.file))
    return loaded
  }
}

async function read({ file, isPacked = false }: Asset): Promise<Loaded> {
  const plain = await readFile(new URL(file, BUILT))
  const packed = isPacked ? await readFile(new URL(`${file}.gz`, BUILT)) : undefined
  return { plain, packed, etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"` }
}

function sendAsset(load: Load, asset: Asset | undefined): Handler {
  return async ({ request, response }: Exchange) => {
    if (asset === undefined) throw new HttpError(404, 'NO_SUCH_ROUTE', 'nothing lives at this path')
    const { plain, packed, etag } = await load(asset)
    const headers = {
      etag,
      'cache-control': 'no-cache',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      vary: 'Accept-Encoding',
      ...asset.headers,
    }
    if (noneMatchHits(request.headers['if-none-match'], etag)) {
      response.writeHead(304, headers).end()
      return
    }
    const isPacked = packed !== undefined && /\bgzip\b/.test(String(request.headers['accept-encoding']))
    const body = isPacked ? packed : plain
    const written = {
      ...headers,
      'content-type': asset.type,
      'content-length': body.length,
      'content-encoding': isPacked ? 'gzip' : undefined,
    }
    response.writeHead(200, defined(written))
    response.end(body)
  }
}
