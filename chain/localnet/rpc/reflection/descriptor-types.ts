import { MessageType, type PartialFieldInfo, ScalarType } from '@protobuf-ts/runtime'

/** The parts of google/protobuf/descriptor.proto that describe what is here. */
export interface FieldDescriptor {
  name: string
  number: number
  label: number
  type: number
  typeName?: string
  oneofIndex?: number
  jsonName: string
  proto3Optional?: boolean
}
export interface EnumDescriptor {
  name: string
  value: { name: string; number: number }[]
}
export interface MessageDescriptor {
  name: string
  field: FieldDescriptor[]
  nestedType: MessageDescriptor[]
  enumType: EnumDescriptor[]
  options?: { mapEntry: boolean }
  oneofDecl: { name: string }[]
}
export interface ServiceDescriptor {
  name: string
  method: {
    name: string
    inputType: string
    outputType: string
    clientStreaming: boolean
    serverStreaming: boolean
  }[]
}
export interface FileDescriptor {
  name: string
  package: string
  dependency: string[]
  messageType: MessageDescriptor[]
  enumType: EnumDescriptor[]
  service: ServiceDescriptor[]
  syntax: string
}

const { BOOL, INT32, STRING } = ScalarType
const NAME: PartialFieldInfo = { no: 1, name: 'name', kind: 'scalar', T: STRING, opt: true }
const optional = (no: number, field: string, T: ScalarType): PartialFieldInfo => ({
  no,
  name: field,
  kind: 'scalar',
  T,
  opt: true,
})
const list = (no: number, field: string, T: () => MessageType<object>): PartialFieldInfo => ({
  no,
  name: field,
  kind: 'message',
  repeat: 1,
  T,
})
const type = <T extends object>(short: string, fields: PartialFieldInfo[]) =>
  new MessageType<T>(`google.protobuf.${short}`, fields) as unknown as MessageType<object>

const Field = type('FieldDescriptorProto', [
  NAME,
  optional(3, 'number', INT32),
  optional(4, 'label', INT32),
  optional(5, 'type', INT32),
  optional(6, 'type_name', STRING),
  optional(9, 'oneof_index', INT32),
  optional(10, 'json_name', STRING),
  optional(17, 'proto3_optional', BOOL),
])
const EnumValue = type('EnumValueDescriptorProto', [NAME, optional(2, 'number', INT32)])
const Enum = type('EnumDescriptorProto', [NAME, list(2, 'value', () => EnumValue)])
const Oneof = type('OneofDescriptorProto', [NAME])
const MessageOptions = type('MessageOptions', [optional(7, 'map_entry', BOOL)])
const Message: MessageType<object> = type('DescriptorProto', [
  NAME,
  list(2, 'field', () => Field),
  list(3, 'nested_type', () => Message),
  list(4, 'enum_type', () => Enum),
  { no: 7, name: 'options', kind: 'message', T: () => MessageOptions },
  list(8, 'oneof_decl', () => Oneof),
])
const Method = type('MethodDescriptorProto', [
  NAME,
  optional(2, 'input_type', STRING),
  optional(3, 'output_type', STRING),
  optional(5, 'client_streaming', BOOL),
  optional(6, 'server_streaming', BOOL),
])
const ServiceType = type('ServiceDescriptorProto', [NAME, list(2, 'method', () => Method)])
export const FileType = type('FileDescriptorProto', [
  NAME,
  optional(2, 'package', STRING),
  { no: 3, name: 'dependency', kind: 'scalar', T: STRING, repeat: 2 },
  list(4, 'message_type', () => Message),
  list(5, 'enum_type', () => Enum),
  list(6, 'service', () => ServiceType),
  optional(12, 'syntax', STRING),
])
