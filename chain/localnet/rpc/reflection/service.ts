import { MessageType, ScalarType } from '@protobuf-ts/runtime'
import type { Service } from '../methods.ts'
import { STATUS } from '../status.ts'
import { type Descriptions, describe } from './describe.ts'

type Asked =
  | { oneofKind: 'fileByFilename'; fileByFilename: string }
  | { oneofKind: 'fileContainingSymbol'; fileContainingSymbol: string }
  | { oneofKind: 'fileContainingExtension'; fileContainingExtension: object }
  | { oneofKind: 'allExtensionNumbersOfType'; allExtensionNumbersOfType: string }
  | { oneofKind: 'listServices'; listServices: string }
  | { oneofKind: undefined }

interface ReflectionRequest {
  host: string
  messageRequest: Asked
}

const string = (no: number, name: string) => ({ no, name, kind: 'scalar', T: ScalarType.STRING }) as const
const ONEOF = 'messageRequest'

/** Both versions differ in nothing but their package. */
export function reflectionOf(pkg: 'grpc.reflection.v1' | 'grpc.reflection.v1alpha'): Service {
  const name = (short: string) => `${pkg}.${short}`
  const ExtensionRequest = new MessageType<object>(name('ExtensionRequest'), [
    string(1, 'containing_type'),
    { no: 2, name: 'extension_number', kind: 'scalar', T: ScalarType.INT32 },
  ])
  const Request = new MessageType<ReflectionRequest>(name('ServerReflectionRequest'), [
    string(1, 'host'),
    { ...string(3, 'file_by_filename'), oneof: ONEOF },
    { ...string(4, 'file_containing_symbol'), oneof: ONEOF },
    { no: 5, name: 'file_containing_extension', kind: 'message', T: () => ExtensionRequest, oneof: ONEOF },
    { ...string(6, 'all_extension_numbers_of_type'), oneof: ONEOF },
    { ...string(7, 'list_services'), oneof: ONEOF },
  ])
  const FileResponse = new MessageType<object>(name('FileDescriptorResponse'), [
    { no: 1, name: 'file_descriptor_proto', kind: 'scalar', T: ScalarType.BYTES, repeat: 2 },
  ])
  const ExtensionResponse = new MessageType<object>(name('ExtensionNumberResponse'), [
    string(1, 'base_type_name'),
    { no: 2, name: 'extension_number', kind: 'scalar', T: ScalarType.INT32, repeat: 1 },
  ])
  const ServiceResponse = new MessageType<object>(name('ServiceResponse'), [string(1, 'name')])
  const ListResponse = new MessageType<object>(name('ListServiceResponse'), [
    { no: 1, name: 'service', kind: 'message', T: () => ServiceResponse, repeat: 1 },
  ])
  const ErrorResponse = new MessageType<object>(name('ErrorResponse'), [
    { no: 1, name: 'error_code', kind: 'scalar', T: ScalarType.INT32 },
    string(2, 'error_message'),
  ])
  const answer = 'messageResponse'
  const Response = new MessageType<object>(name('ServerReflectionResponse'), [
    string(1, 'valid_host'),
    { no: 2, name: 'original_request', kind: 'message', T: () => Request },
    { no: 4, name: 'file_descriptor_response', kind: 'message', T: () => FileResponse, oneof: answer },
    {
      no: 5,
      name: 'all_extension_numbers_response',
      kind: 'message',
      T: () => ExtensionResponse,
      oneof: answer,
    },
    { no: 6, name: 'list_services_response', kind: 'message', T: () => ListResponse, oneof: answer },
    { no: 7, name: 'error_response', kind: 'message', T: () => ErrorResponse, oneof: answer },
  ])
  return {
    typeName: name('ServerReflection'),
    methods: [
      {
        name: 'ServerReflectionInfo',
        localName: 'serverReflectionInfo',
        I: Request,
        O: Response,
        clientStreaming: true,
        serverStreaming: true,
      },
    ],
  }
}

/** Tells programs like grpcurl what services and messages there are. */
export function reflectionService(services: () => readonly Service[]) {
  // made when somebody asks
  let made: Descriptions | undefined
  const descriptions = () => {
    made ??= describe(services())
    return made
  }
  const failed = (errorCode: number, errorMessage: string) => ({
    oneofKind: 'errorResponse',
    errorResponse: { errorCode, errorMessage },
  })
  const file = (name: string | undefined) => {
    const { files } = descriptions()
    if (name === undefined || !files.has(name)) return failed(STATUS.NOT_FOUND, 'not found')
    const found = new Map<string, Uint8Array>()
    const add = (one: string) => {
      const described = files.get(one)
      if (described === undefined || found.has(one)) return
      found.set(one, described.bytes)
      described.dependencies.forEach(add)
    }
    add(name)
    return {
      oneofKind: 'fileDescriptorResponse',
      fileDescriptorResponse: { fileDescriptorProto: [...found.values()] },
    }
  }
  const respond = (asked: Asked) => {
    switch (asked.oneofKind) {
      case 'listServices':
        return {
          oneofKind: 'listServicesResponse',
          listServicesResponse: { service: services().map(({ typeName }) => ({ name: typeName })) },
        }
      case 'fileByFilename':
        return file(asked.fileByFilename)
      case 'fileContainingSymbol':
        return file(descriptions().symbols.get(asked.fileContainingSymbol.replace(/^\./, '')))
      case 'allExtensionNumbersOfType':
      case 'fileContainingExtension':
        return failed(STATUS.NOT_FOUND, 'there are no extensions')
      default:
        return failed(STATUS.INVALID_ARGUMENT, 'nothing is asked')
    }
  }
  return {
    async *serverReflectionInfo(requests: AsyncIterable<ReflectionRequest>): AsyncGenerator<object> {
      for await (const request of requests)
        yield {
          validHost: request.host,
          originalRequest: request,
          messageResponse: respond(request.messageRequest),
        }
    },
  }
}
