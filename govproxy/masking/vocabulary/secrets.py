"""Words for devices, places and secrets.

Data only; how it is read: ``masking.vocabulary``.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "ip_address": {
        Context.ANY: """
            ip, ip address, ip addr, ipaddress, ipaddr, ipv4, ipv6, ipv4 address, ipv6 address, client ip,
            remote ip, source ip, src ip, dst ip, user ip, login ip, last login ip, sign in ip,
            current sign in ip, last sign in ip, remote addr, remote address, client addr, client address,
            registration ip, ip adresse, adresse ip, direccion ip, endereco ip, host ip, customer ip,
            ip from, ip to, created ip, peer addr, sign up ip, x forwarded for
        """,
        Context.SOLO: """
            ips
        """,
    },
    "mac_address": {
        Context.ANY: """
            dev mac, device mac, wlan mac, eth mac,
            mac address, mac addr, macaddr, macaddress, hardware address, ethernet address, mac adresse,
            adresse mac, direccion mac, bluetooth address, bssid, wifi mac,
            mac adr, mac id, hw address, hw addr, hwaddr, nic address, wlan address
        """,
        Context.SOLO: """
            mac
        """,
    },
    "device_id": {
        Context.ANY: """
            device id, device identifier, deviceid, device uuid, imei, imei number, imsi, iccid, udid, idfa,
            idfv, gaid, advertising id, android id, device fingerprint, browser fingerprint, cookie id,
            tracking id user, visitor id, device serial, device serial number, meid, push device token,
            anonymous id, ga client id,
            sim serial, sim number, advertiser id, hardware id, hwid, browser id, cookie
            identifier, serial imei,
            mobile device id, phone imei, handset id, handset imei, equipment id user, smartcard number user, badge
            uid, rfid tag person, rfid uid
        """,
    },
    "geo": {
        Context.ANY: """
            lat, lng, lon, geolat, geolong, geolng, geolon, home lat, home lng, geo long, lat long,
            coordinates lat, coordinates long, latitude, longitude, lat lng, lat lon, latlng, latlong, gps,
            gps coordinates, geo location, geolocation, geo point, coordinates, gps location, home location,
            breitengrad, laengengrad, geo lat, geo lon, geo lng, gps lat, gps lon, longitud, latitud,
            pickup lat, pickup lng, dropoff lat, dropoff lng, start lat, start lng, end lat, end lng, position lat,
            position lng, last known location, current position gps,
            lat dd, long dd, lon dd, lat deg, lon deg, utm x, utm y, home
            coordinates, start latitude, start longitude, end latitude, end longitude, latitude deg, longitude deg
        """,
        Context.SOLO: """
            geom
        """,
    },
    "password": {
        Context.ANY: """
            smtp password, smtp pass, imap password, db password, database password, ldap password,
            pass temp, new pass, user password, bind password, ftp password, wifi password, kennwort hash,
            password, passwd, pwd, passwort, kennwort, mot de passe, mot passe, motdepasse, mdp, contrasena,
            contrasenia, clave acceso, senha, passphrase, pass phrase, user pass, passcode, plain password,
            temp password, temporary password, initial password, master password, passw, pswd, passwrd,
            userpassword,
            user passwd, login password, login pwd, app password, admin password, sudo password, root password,
            proxy password, palavra passe, codigo acceso, code acces, zugangscode, userpwd,
            clave firma, firma electronica clave, clave usuario, clave secreta, clave internet, senha usuario, senha
            acesso, mot de passe chiffre, wachtwoord hash, contrasena hash, password current, current password,
            previous password, old password, password plain, cleartext password, passphrase hash
        """,
        Context.SOLO: """
            pass, pw, clave, psw
        """,
    },
    "password_hash": {
        Context.ANY: """
            pass crypted, crypted pass, pass encrypted, encrypted pass, pass digest, crypted pwd,
            pass word hash, password hash, passwd hash, pwd hash, hashed password, password digest,
            encrypted password, password salt, crypted password, pass hash, passwordhash, password crypt,
            hash password, password encrypted, password sha, password md, rolpassword, pw hash,
            passwort hash, senha hash, password verifier, scram verifier, password bcrypt
        """,
        Context.SOLO: """
            salt
        """,
    },
    "security_answer": {
        Context.ANY: """
            sec ans, sec answer, secret answer,
            security answer, secret answer, security question answer, password hint, hint answer,
            recovery answer, sicherheitsantwort, reponse secrete, respuesta secreta,
            secret question answer, challenge answer, mothers maiden, mother maiden
        """,
    },
    "api_token": {
        Context.ANY: """
            api ky, secret ky, access ky, cc token, card token, gateway token, session tok,
            oauth code, auth secret, service key, webservice key, webservices key, web service key,
            license secret, signing secret, api credentials, private api key, publishable key, live key,
            test key, sid token, account key, storage key, subscription key, integration key, consumer key,
            hmac key, bearer, authorization, authorization header, otp hash, token, api key, apikey,
            api token, api secret, access token, refresh token, auth token, authentication token,
            bearer token, session token, session key, session data, reset token, password reset token,
            reset password token, confirmation token, invitation token, verification token, csrf token,
            oauth token, push token, fcm token, device token, personal access token, id token,
            remember token, token hash, token digest, token secret, webhook secret, secret token,
            secret key, secret access key, access key, access key id, access key secret, aws secret,
            stripe key, unlock token, activation token, unsubscribe token, invite token, feed token,
            rss token, runners token, incoming email token, activation key, activation code, otp token,
            sas token, service account key, magic link, login token, jeton acces, zugriffstoken,
            zugangstoken, api schluessel, clave api, chave api, session cookie, auth key,
            authorization code, signed token, static object token, license key, encrypted token,
            token encrypted, bot token, app token, app secret, api key hash,
            job token, deploy token, registration token, trigger token, service token, device push token, apns
            token, refresh tok, access tok,
            auth header, authorization value, http authorization, session cookies, cookie value, cookie data, rp
            token, reset pw token, pw reset token, magic token, login code token, email token, sms token, vault
            token, ci token, registry token, npm token, pat token, basic auth, x api key
        """,
        Context.SOLO: """
            tokens, session, sess, cookie, jeton, auth
        """,
    },
    "jwt": {
        Context.ANY: """
            jwt, json web token, jwt token, id token jwt
        """,
    },
    "private_key": {
        Context.ANY: """
            private key, privatekey, priv key, ssh key private, rsa key, rsa private key, pem key,
            signing key, secret pem, encryption key, privater schluessel, cle privee, clave privada,
            chave privada, seed phrase, mnemonic phrase, wallet seed, master key, tls key, ssl key,
            encrypted private key, pgp key private, data key, kms key material,
            ssh private key, host key private, pfx data, pkcs12, keystore data,
            gpg private key, gpg key private, ssh private key, ssh key priv, private key pem, key pem, priv pem,
            x509 key, cert private key, jwt private key
        """,
    },
    "secret": {
        Context.ANY: """
            recovery codes, recovery code, rcvry codes, backup codes, backup code,
            psk, pre shared key, preshared key, wpa key, wifi key, radius secret, snmp community, passkey,
            unlock code, access code, door code, gate code, voucher secret, secret, client secret,
            shared secret, otp secret, totp secret, two factor secret, mfa secret, two factor backup codes,
            otp backup codes, backup codes, recovery codes, recovery code, credentials, credential, secrets,
            otp seed, encrypted secret, consumer secret, secret value, webhook signing secret, hmac secret,
            encrypted otp secret, otp secret key, zugangsdaten, identifiants secrets, credenciales,
            credenciais, otp code, one time password, verification code, sms code, encrypted credentials,
            security stamp, concurrency secret,
            mfa seed, totp seed, otp key, totp key, 2fa secret, recovery key, backup key, encryption passphrase,
            slack webhook, webhook url secret, incoming webhook secret, gpg passphrase, ansible vault pass, secret
            text, secret data, secret json, secret hash
        """,
        Context.SOLO: """
            otp, geheimnis, secreto
        """,
    },
    "dsn": {
        Context.ANY: """
            connection string, conn string, connstring, dsn, database url, db url, jdbc url, subconninfo,
            conninfo, primary conninfo, redis url, smtp url, broker url, connection uri, mongo uri,
            conn uri, database uri, db uri, amqp url, connection url credentials, ldap url bind
        """,
    },
}
