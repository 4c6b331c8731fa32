-- What a call does while it talks with Voice Booking Supervisor over mod_audio_fork: it passes keys on, and obeys
-- when it is to end or to be handed to a person. Put it into FreeSWITCH's scripts folder, and in the dialplan
-- <action application="lua" data="booking.lua"/> in place of park.
--
-- Written after FreeSWITCH's and the module's documents; not run with a real one.

local BUG = "booking"                   -- the name in the uuid_audio_fork command
local GATEWAY = "sofia/gateway/out/"    -- how a person is called

local uuid, api = session:get_uuid(), freeswitch.API()
local keys = freeswitch.EventConsumer("DTMF")
local transfers = freeswitch.EventConsumer("CUSTOM", "mod_audio_fork::transfer")
local ends = freeswitch.EventConsumer("CUSTOM", "mod_audio_fork::disconnect")

-- The next event of this call that has come, or nil: all calls' events come to each script.
local function next_of(consumer)
  local event = consumer:pop(0)
  while event and event:getHeader("Unique-ID") ~= uuid do event = consumer:pop(0) end
  return event
end

while session:ready() do
  session:sleep(50)
  local key = next_of(keys)
  while key do
    local digit = key:getHeader("DTMF-Digit")
    if digit:match("^[0-9*#]$") then
      api:executeString(string.format('uuid_audio_fork %s send_text %s {"event":"dtmf","dtmf":"%s"}', uuid, BUG, digit))
    end
    key = next_of(keys)
  end
  -- A transfer comes first: some builds report the end of the WebSocket, which follows, as a disconnect too.
  local transfer = next_of(transfers)
  if transfer then
    local number = transfer:getBody():match('"number"%s*:%s*"(%+%d+)"')
    api:executeString("uuid_audio_fork " .. uuid .. " stop " .. BUG)
    if number then session:execute("bridge", GATEWAY .. number) end
    session:hangup()
  elseif next_of(ends) then
    session:hangup()
  end
end
