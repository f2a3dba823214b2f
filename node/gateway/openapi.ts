import { defined } from '../../base/defined.ts'
import { allowedMethods, type Route } from '../http/router.ts'
import { version } from '../version.ts'

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  description: string
  schema: object
}

/** What a route does with a method, as the document tells it. */
export interface OperationText {
  summary: string
  /** query parameters: name and meaning; those that must be given end in `!` */
  query?: Readonly<Record<string, string>>
  /** media type of what it answers; JSON when absent */
  answers?: string
  /** media type of the body that it takes */
  takes?: string
}

const BYTES = 'application/octet-stream'
const READ_QUERY = {
  'content-type': 'the type of the answer',
  filename: 'its name when it is saved',
}
const CHECK_QUERY = {
  strict_consistency_check: 'true: the whole blob is encoded again before its first byte is sent',
  skip_consistency_check: 'true: rows are sent as they come, each verified',
}
const STORE_QUERY = {
  epochs: 'for how many epochs, from now; 1 when absent',
  deletable: 'true: it may be deleted before its time; so it is unless permanent',
  permanent: 'true: nobody can delete it before its time',
  force: 'true: store and pay again what is stored already',
  send_object_to: 'the Sui address that gets the Blob object',
  share: 'true: a shared blob, which belongs to nobody',
  reuse_resources: 'false: buy storage, though the wallet has some',
  encoding_type: 'RS2, the only one',
  quilt_version: 'V1, the only one',
}

const EXTEND: OperationText = {
  summary: "Extends a blob of the gateway's wallet, at its cost",
  query: { epochs: 'for how many more', until_epoch: 'or to which: it may be asked again' },
}

/** Every route by its pattern; a page's own files are no part of the interface. */
export const OPERATIONS: Readonly<Record<string, Readonly<Record<string, OperationText>>>> = {
  '/': { GET: { summary: 'What this is, for people', answers: 'text/plain' } },
  '/status': { GET: { summary: 'OK while it runs', answers: 'text/plain' } },
  '/v1/api': { GET: { summary: 'This document' } },
  '/docs': { GET: { summary: 'This document, to be read', answers: 'text/html' } },
  '/v1/health': { GET: { summary: 'Epoch and committee, or 503 with what is wrong' } },
  '/metrics': { GET: { summary: "Prometheus's text, for the operator", answers: 'text/plain' } },
  '/v1/blobs': {
    PUT: {
      summary: 'Stores the body as a blob',
      takes: BYTES,
      query: STORE_QUERY,
    },
  },
  '/v1/quilts': {
    PUT: {
      summary: 'Stores the files of a form as a quilt',
      takes: 'multipart/form-data',
      query: STORE_QUERY,
    },
  },
  '/v1/uploads': {
    POST: { summary: 'Begins an upload that can be gone on with, by tus 1.0', query: STORE_QUERY },
  },
  '/v1/uploads/:id': {
    GET: { summary: 'What the upload came to; by HEAD, how much of it is there' },
    PATCH: {
      summary: 'More of the upload; the last part is answered with what it came to',
      takes: 'application/offset+octet-stream',
    },
    DELETE: { summary: 'Gives the upload up' },
  },
  '/v1/estimate': {
    GET: {
      summary: 'What storing would cost, all bought, in FROST',
      query: { 'size!': 'bytes', epochs: 'for how many; 1 when absent' },
    },
  },
  '/v1/blobs/:blobId': {
    GET: { summary: 'A blob', answers: BYTES, query: { ...CHECK_QUERY, ...READ_QUERY } },
    DELETE: { summary: "Deletes a deletable blob of the gateway's wallet", query: {} },
  },
  '/v1/blobs/:blobId/extend': { POST: EXTEND },
  '/v1/blobs/by-object-id/:objectId/extend': { POST: EXTEND },
  '/v1/blobs/:blobId/byte-range': {
    GET: {
      summary: 'A part of a blob, with 200',
      answers: BYTES,
      query: { 'start!': 'first byte, from 0', 'length!': 'how many bytes, from 1', ...READ_QUERY },
    },
  },
  '/v1alpha/blobs/:blobId/stream': {
    GET: { summary: 'A blob, each row sent when it is verified', answers: BYTES, query: READ_QUERY },
  },
  '/v1alpha/blobs/concat': {
    GET: {
      summary: 'Blobs one after the other',
      answers: BYTES,
      query: { 'ids!': 'blob IDs or object IDs, with commas', ...CHECK_QUERY, ...READ_QUERY },
    },
    POST: { summary: 'The same, of a body {"ids":[…]}', takes: 'application/json', answers: BYTES },
  },
  '/v1/blobs/by-object-id/:objectId': {
    GET: {
      summary: 'The blob of an object, with its attributes as headers',
      answers: BYTES,
      query: { ...CHECK_QUERY, ...READ_QUERY },
    },
    DELETE: { summary: "Deletes a deletable object of the gateway's wallet", query: {} },
  },
  '/v1/blobs/by-quilt-id/:quiltId/*identifier': {
    GET: { summary: 'A file of a quilt, by its name', answers: BYTES, query: READ_QUERY },
  },
  '/v1/blobs/by-quilt-patch-id/:patchId': {
    GET: { summary: 'A file of a quilt, by its patch ID', answers: BYTES, query: READ_QUERY },
  },
  '/v1/owners/:address/blobs': {
    GET: {
      summary: 'Blob objects of an address, with attributes, ends and sizes, page by page',
      query: {
        limit: 'how many of them are looked at, 50 at most and when absent',
        cursor: 'nextCursor of the page before',
        attribute: 'KEY:VALUE, only those with it; may be given several times',
      },
    },
  },
  '/v1/quilts/:quiltId/files': {
    GET: {
      summary: 'Several files of a quilt, or all, as a form',
      answers: 'multipart/form-data',
      query: {
        identifier: 'a name; may be given several times',
        tag: 'KEY:VALUE, only those with it; may be given several times',
      },
    },
  },
  '/v1/quilts/:quiltId/patches': { GET: { summary: 'The files of a quilt: identifier, patch_id, tags' } },
  '/v1/blob-upload-relay': {
    POST: {
      summary: 'Sends what the sender has registered to the nodes; answers their certificate',
      takes: BYTES,
      query: {
        'blob_id!': 'of the body',
        tx_id: 'the transaction that paid the tip',
        nonce: 'that it was paid with',
        deletable_blob_object: 'the object ID of a deletable blob',
        encoding_type: 'RS2, the only one',
      },
    },
  },
  '/v1/tip-config': { GET: { summary: 'What the relay wants to be paid' } },
}

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  blobId: 'blob ID: 43 characters of URL-safe base64',
  quiltId: "the quilt's blob ID",
  id: 'of the upload, as Location told it',
  patchId: 'quilt patch ID: 50 characters of URL-safe base64',
  identifier: "the file's name in the quilt, percent-encoded; slashes may stay",
  objectId: '0x and 64 hex digits',
  address: 'a Sui address: 0x and 64 hex digits',
}

/** OpenAPI 3.1 of the routes that a gateway has. */
export function openApi(routes: readonly Pick<Route, 'pattern' | 'methods'>[]): object {
  const described = routes.filter(({ pattern }) => Object.hasOwn(OPERATIONS, pattern))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Floe gateway',
      version,
      description:
        "HTTP for those without libp2p: the paths of Walrus's aggregator, publisher and upload relay.",
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: Object.fromEntries(described.map(route => [openApiPath(route.pattern), pathItem(route)])),
    components: {
      schemas: {
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['status', 'code', 'message', 'details'],
              properties: {
                status: { type: 'string' },
                code: { type: 'integer', description: 'the HTTP status' },
                message: { type: 'string' },
                details: {
                  type: 'array',
                  items: {
                    type: 'object',
                    properties: {
                      '@type': { const: 'ErrorInfo' },
                      reason: { type: 'string', description: 'why, for programs' },
                      domain: { const: 'floe' },
                      metadata: { type: 'object' },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  }
}

/** `/v1/blobs/:blobId` as `/v1/blobs/{blobId}`. */
export function openApiPath(pattern: string): string {
  return pattern.replace(/[:*](\w+)/g, '{$1}')
}

function pathItem(route: Pick<Route, 'pattern' | 'methods'>): object {
  const names = [...route.pattern.matchAll(/[:*](\w+)/g)].map(([, name = '']) => name)
  const operations = Object.keys(route.methods).flatMap(method => {
    const text = OPERATIONS[route.pattern]?.[method]
    if (text === undefined) return []
    const operation = operationOf(text, `${method} ${route.pattern}`)
    // a GET route answers HEAD too
    return method === 'GET'
      ? [
          ['get', operation],
          ['head', { ...operation, operationId: operation.operationId.replace('get', 'head') }],
        ]
      : [[method.toLowerCase(), operation]]
  })
  return defined({
    description: `takes ${allowedMethods(route as Route)}`,
    parameters: names.length > 0 ? names.map(pathParameter) : undefined,
    ...Object.fromEntries(operations),
  })
}

function pathParameter(name: string): Parameter {
  const description = PATH_PARAMETERS[name] ?? name
  return { name, in: 'path', required: true, description, schema: { type: 'string' } }
}

function operationOf(
  { summary, query = {}, answers = 'application/json', takes }: OperationText,
  id: string,
) {
  const parameters = Object.entries(query).map(
    ([name, description]): Parameter =>
      defined({
        name: name.replace(/!$/, ''),
        in: 'query',
        required: name.endsWith('!') || undefined,
        description,
        schema: { type: 'string' },
      }),
  )
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } }
  return defined({
    operationId: id
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/_+$/, ''),
    summary,
    parameters: parameters.length > 0 ? parameters : undefined,
    requestBody: takes === undefined ? undefined : { required: true, content: { [takes]: {} } },
    responses: {
      200: { description: 'done', content: { [answers]: {} } },
      default: { description: 'what went wrong', content: error },
    },
  })
}
